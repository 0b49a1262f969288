"""Stepping down in mid-song: nothing is late, lost, doubled or clicks."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import numpy.typing as npt
import pytest

from mdx.estimators.companion import Level, longest_input
from mdx.estimators.stft import Stft
from mdx.limit.fallback import FADE, RUN_UP, Descent
from mdx.limit.ladder import Ladder
from mdx.limit.policy import Deadline
from mdx.monitor import Watch
from mdx.pipeline import Companion, Member
from mdx.systems.spec import (
    COMPANION,
    LAST_RESORT,
    SAMPLE_RATE,
    SOURCES,
    Audio,
    CompanionSpec,
    Rung,
    StftSpec,
)
from tests.tiny import noise

# Chunks of about half a second, each source its own, so that streams are never in step.
SIZES = {
    source: StftSpec(n_fft=2048, hop=1024, dim_f=1025, dim_t=frames)
    for source, frames in zip(SOURCES, (20, 24, 29, 33), strict=True)
}
RUNGS = (
    Rung("float32"), Rung("int8"), Rung("int8", sources=("drums", "vocals")), LAST_RESORT,
)  # fmt: skip
BLENDED = (Rung("float32"), Rung("int8"), Rung("int8", companion=False), LAST_RESORT)
PARTNER = CompanionSpec("x.onnx", segment=1.0, overlap=0.5, batch=2)
ALONE = 1.5  # times as long takes a segment that shares its call with no other
SHARES = {"bass": 0.5, "drums": 0.5, "other": 0.7, "vocals": 0.9}
LEVEL = Level(0.1, 0.25)
SECONDS = {"float32": 0.4, "int8": 0.1}  # a chunk, on the machine at its best
GAINS = {"float32": 0.6, "int8": 0.5}
SLOWER = 2  # times: a segment of the companion


@dataclass
class Machine:
    """A clock, and a machine whose speed changes with it."""

    slowness: Callable[[float], float] = lambda now: 1.0
    freezes: list[tuple[float, float]] = field(default_factory=list)  # when, and for how long
    now: float = 0.0

    def clock(self) -> float:
        return self.now

    def work(self, seconds: float) -> None:
        self.now += seconds * self.slowness(self.now)
        while self.freezes and self.freezes[0][0] <= self.now:
            self.now += self.freezes.pop(0)[1]


class Gain:
    """A network that turns its input down, and takes time for it."""

    def __init__(self, machine: Machine, precision: str, stft: StftSpec) -> None:
        self.machine, self.precision, self.runtime = machine, precision, "none"
        self.dim_f, self.dim_t = stft.dim_f, stft.dim_t

    def __call__(self, spectrogram: Audio) -> Audio:
        self.machine.work(SECONDS[self.precision])
        found: Audio = spectrogram * np.float32(GAINS[self.precision])
        return found


class Partner:
    """A companion that gives every stem half of its input, and takes time for it."""

    def __init__(self, machine: Machine, precision: str) -> None:
        self.machine, self.precision, self.runtime = machine, precision, "none"

    def __call__(self, mix: Audio) -> Audio:
        # A call costs the same whatever its batch, and each segment something more.
        calls = len(mix) * (2 - ALONE) + 2 * (ALONE - 1)
        share = mix.shape[2] / longest_input(PARTNER)
        self.machine.work(SLOWER * SECONDS[self.precision] * calls * share)
        return np.stack([np.float32(0.5) * mix] * len(SOURCES), axis=1)


def make_ladder(machine: Machine, rungs: Sequence[Rung] = RUNGS) -> Ladder:
    members = {
        precision: {s: Member(Gain(machine, precision, z), Stft(z)) for s, z in SIZES.items()}
        for precision in SECONDS
    }
    companions = {kind: Companion(Partner(machine, kind), PARTNER, SHARES) for kind in SECONDS}
    return Ladder(rungs, members, companions=companions if rungs is BLENDED else None)


def make_deadline(machine: Machine, seconds: float, rungs: Sequence[Rung] = RUNGS) -> Deadline:
    costs = {(kind, source): SECONDS[kind] for kind in SECONDS for source in SOURCES}
    steps = {source: size.step for source, size in SIZES.items()}
    if rungs is BLENDED:
        costs |= {(kind, COMPANION): SLOWER * SECONDS[kind] for kind in SECONDS}
        steps[COMPANION] = PARTNER.stride
    return Deadline(seconds, rungs, costs, steps, started=0.0, clock=machine.clock)


def run(
    mix: Audio, machine: Machine, seconds: float, rungs: Sequence[Rung] = RUNGS
) -> tuple[Audio, Deadline]:
    """A song under a limit, in blocks of uneven length."""
    ladder, deadline = make_ladder(machine, rungs), make_deadline(machine, seconds, rungs)
    watch = Watch("song", deadline=deadline)
    descent = Descent(mix.shape[1], deadline, lambda rung, left: ladder.open(rung, watch, LEVEL))
    parts = [descent.push(block) for block in blocks(mix)]
    return np.concatenate([*parts, descent.finish()], axis=2), deadline


def run_whole(mix: Audio, rung: Rung, rungs: Sequence[Rung] = RUNGS) -> Audio:
    """A song on one rung from end to end."""
    pipeline = make_ladder(Machine(), rungs).open(rung, Watch("song"), LEVEL)
    parts = [pipeline.push(block) for block in blocks(mix)]
    return np.concatenate([*parts, pipeline.finish()], axis=2)


def blocks(mix: Audio) -> Iterable[Audio]:
    rng = np.random.default_rng(mix.shape[1])
    start = 0
    while start < mix.shape[1]:
        end = start + int(rng.integers(1, SAMPLE_RATE))
        yield mix[:, start:end]
        start = end


@pytest.mark.parametrize("samples", [1, 1000, FADE, FADE + 1, 100_000, 10 * SAMPLE_RATE])
def test_without_pressure_it_is_the_best_rung_bit_for_bit(samples: int) -> None:
    mix = noise(samples)
    stems, deadline = run(mix, Machine(), 1000)
    np.testing.assert_array_equal(stems, run_whole(mix, RUNGS[0]))
    assert [decision["index"] for decision in deadline.summary()["decisions"]] == [0]


@pytest.mark.parametrize(("rungs", "seconds", "slow"), [(RUNGS, 60, 15), (BLENDED, 85, 30)])
def test_a_step_down_fades_from_one_rung_into_the_other(
    rungs: Sequence[Rung], seconds: float, slow: float
) -> None:
    mix = noise(12 * SAMPLE_RATE)
    machine = Machine(slowness=lambda now: 1.0 if now < slow else 3.0)
    stems, deadline = run(mix, machine, seconds, rungs)
    first, second = deadline.summary()["decisions"]
    assert (first["index"], second["index"]) == (0, 1)
    place = round(second["position"] * SAMPLE_RATE)
    assert 2 * SAMPLE_RATE < place < 10 * SAMPLE_RATE
    above, below = run_whole(mix, rungs[0], rungs), run_whole(mix, rungs[1], rungs)
    np.testing.assert_array_equal(stems[:, :, :place], above[:, :, :place])
    after = slice(place + FADE, None)
    # Chunks lie elsewhere, so that equal means equal up to rounding.
    assert np.abs(stems - below)[:, :, after].max() < 1e-5
    fade = slice(place, place + FADE)
    change, whole = (stems - above)[:, :, fade], (below - above)[:, :, fade]
    share = (change * whole).sum(axis=(0, 1)) / np.square(whole).sum(axis=(0, 1))
    np.testing.assert_allclose(share, np.arange(1, FADE + 1) / (FADE + 1), atol=1e-2)
    assert np.diff(np.convolve(share, np.ones(50), "valid")).min() > 0


def test_the_last_resort_is_a_quarter_of_the_mixture_each() -> None:
    mix = noise(5 * SAMPLE_RATE)
    stems, deadline = run(mix, Machine(), 0.01)
    assert deadline.summary()["decisions"][0]["rung"] == "scaled mixture"
    for stem in stems:
        np.testing.assert_array_equal(stem, mix / 4)


def test_sources_without_a_network_share_what_the_others_leave() -> None:
    mix = noise(4 * SAMPLE_RATE)
    stems = dict(zip(SOURCES, run_whole(mix, RUNGS[2]), strict=True))
    assert np.abs(stems["drums"] - 0.5 * mix).max() < 1e-5
    rest = (mix - stems["drums"] - stems["vocals"]) / 2
    for source in ("bass", "other"):
        np.testing.assert_allclose(stems[source], rest, atol=1e-7)


def test_the_mean_of_both_polarities_has_no_even_part() -> None:
    class Bent(Gain):
        def __call__(self, spectrogram: Audio) -> Audio:
            found = super().__call__(spectrogram)
            found += np.float32(0.1) * np.square(spectrogram)
            return found

    machine, size = Machine(), SIZES["bass"]
    members = {s: Member(Bent(machine, "float32", z), Stft(z)) for s, z in SIZES.items()}
    rung = Rung(both_polarities=True)
    pipeline = Ladder([rung], {"float32": members}).open(rung, Watch("song"))
    mix = noise(3 * size.step)
    stems = np.concatenate([pipeline.push(mix), pipeline.finish()], axis=2)
    assert np.abs(stems - 0.6 * mix).max() < 1e-5
    assert machine.now == pytest.approx(
        2 * sum(-(-mix.shape[1] // z.step) for z in SIZES.values()) * 0.4
    )


def test_a_rung_without_its_companion_is_the_separators_alone() -> None:
    mix = noise(5 * SAMPLE_RATE)
    blended, alone = (run_whole(mix, rung, BLENDED) for rung in (BLENDED[1], BLENDED[2]))
    # The companion's half is one of what lies around the song's mean.
    companion = np.float32(0.5) * (mix - np.float32(LEVEL.mean)) + np.float32(LEVEL.mean)
    assert np.abs(alone - 0.5 * mix).max() < 1e-5
    for index, source in enumerate(SOURCES):
        expected = SHARES[source] * 0.5 * mix + (1 - SHARES[source]) * companion
        assert np.abs(blended[index] - expected).max() < 1e-5


def test_beside_a_companion_a_source_without_a_network_is_the_companion_s() -> None:
    mix = noise(3 * SAMPLE_RATE)
    rung = Rung("int8", sources=("vocals",))
    stems = run_whole(mix, rung, BLENDED)
    companion = np.float32(0.5) * (mix - np.float32(LEVEL.mean)) + np.float32(LEVEL.mean)
    for index in range(3):
        assert np.abs(stems[index] - companion).max() < 1e-5
    assert np.abs(stems[3] - 0.9 * 0.5 * mix - np.float32(0.1) * companion).max() < 1e-5


def changing(pace: npt.NDArray[np.float64], now: float) -> float:
    """A pace that changes every three seconds."""
    return float(pace[int(now / 3) % len(pace)])


@pytest.mark.parametrize(("rungs", "songs", "lowest"), [(RUNGS, 150, 3), (BLENDED, 60, 2)])
def test_never_late_whatever_the_machine_does(
    rungs: Sequence[Rung], songs: int, lowest: int
) -> None:
    seen = set()
    longest = SECONDS["float32"] * (SLOWER * PARTNER.batch if rungs is BLENDED else 1)
    for seed in range(songs):
        rng = np.random.default_rng(seed)
        mix = noise(int(rng.integers(1, 14 * SAMPLE_RATE)), seed=seed)
        limit = float(rng.uniform(15, 80)) * (2 if rungs is BLENDED else 1)
        pace = rng.choice([1.0, 1.0, 2.0, 5.0, 20.0], 40)
        # A chunk may be as slow as the reserve allows: a tenth of the limit.
        freezes = [(float(rng.uniform(0, limit / 2)), float(rng.uniform(0, limit / 4)))]
        pace = np.minimum(pace, 0.1 * limit / longest)
        machine = Machine(
            slowness=partial(changing, pace), freezes=freezes if seed % 3 == 0 else []
        )
        stems, deadline = run(mix, machine, limit, rungs)
        assert machine.now <= limit, seed
        assert stems.shape == (4, 2, mix.shape[1]) and np.isfinite(stems).all()
        indices = [decision["index"] for decision in deadline.summary()["decisions"]]
        assert indices == sorted(set(indices))
        seen.add(tuple(indices))
        # Whatever the rungs, no stem is louder than the loudest of them.
        assert np.abs(stems).max() <= 0.7 * np.abs(mix).max() + LEVEL.mean * (rungs is BLENDED)
    assert len(seen) > 4 and (0,) in seen and any(lowest in indices for indices in seen)


@pytest.mark.parametrize("rungs", [RUNGS, BLENDED])
def test_what_is_kept_for_a_step_does_not_grow_with_the_song(rungs: Sequence[Rung]) -> None:
    machine = Machine()
    ladder, deadline = make_ladder(machine, rungs), make_deadline(machine, 10_000, rungs)
    watch = Watch("song", deadline=deadline)
    descent = Descent(
        60 * SAMPLE_RATE, deadline, lambda rung, left: ladder.open(rung, watch, LEVEL)
    )
    longest = max(size.chunk for size in SIZES.values())
    if rungs is BLENDED:
        longest = longest_input(PARTNER) + (PARTNER.batch - 1) * PARTNER.stride
    for _ in range(60):
        descent.push(noise(SAMPLE_RATE))
        assert descent._mix.shape[1] <= RUN_UP + longest + FADE + SAMPLE_RATE
