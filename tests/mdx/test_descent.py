"""Stepping down in mid-song: nothing is late, lost, doubled or clicks."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import numpy.typing as npt
import pytest

from mdx.budget import Deadline
from mdx.descent import FADE, RUN_UP, Descent
from mdx.ladder import Ladder
from mdx.pipeline import Member, Pipeline
from mdx.spec import LAST_RESORT, SAMPLE_RATE, SOURCES, Audio, Rung, StftSpec
from mdx.stft import Stft
from mdx.watch import Watch
from tests.tiny import noise

# Chunks of about half a second, each source its own, so that streams are never in step.
SIZES = {
    source: StftSpec(n_fft=2048, hop=1024, dim_f=1025, dim_t=frames)
    for source, frames in zip(SOURCES, (20, 24, 29, 33), strict=True)
}
RUNGS = (
    Rung("float32"), Rung("int8"), Rung("int8", sources=("drums", "vocals")), LAST_RESORT,
)  # fmt: skip
SECONDS = {"float32": 0.4, "int8": 0.1}  # a chunk, on the machine at its best
GAINS = {"float32": 0.6, "int8": 0.5}


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


def make_ladder(machine: Machine) -> Ladder:
    return Ladder(RUNGS, {
        precision: {s: Member(Gain(machine, precision, z), Stft(z)) for s, z in SIZES.items()}
        for precision in SECONDS
    })  # fmt: skip


def make_deadline(machine: Machine, seconds: float) -> Deadline:
    costs = {(kind, source): SECONDS[kind] for kind in SECONDS for source in SOURCES}
    steps = {source: size.step for source, size in SIZES.items()}
    return Deadline(seconds, RUNGS, costs, steps, started=0.0, clock=machine.clock)


def run(mix: Audio, machine: Machine, seconds: float) -> tuple[Audio, Deadline]:
    """A song under a limit, in blocks of uneven length."""
    ladder, deadline = make_ladder(machine), make_deadline(machine, seconds)
    watch = Watch("song", deadline=deadline)
    descent = Descent(mix.shape[1], deadline, lambda rung, left: ladder.open(rung, watch))
    parts = [descent.push(block) for block in blocks(mix)]
    return np.concatenate([*parts, descent.finish()], axis=2), deadline


def run_whole(mix: Audio, rung: Rung) -> Audio:
    """A song on one rung from end to end."""
    pipeline: Pipeline = make_ladder(Machine()).open(rung, Watch("song"))
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


def test_a_step_down_fades_from_one_rung_into_the_other() -> None:
    mix = noise(12 * SAMPLE_RATE)
    machine = Machine(slowness=lambda now: 1.0 if now < 15 else 3.0)
    stems, deadline = run(mix, machine, 60)
    first, second = deadline.summary()["decisions"]
    assert (first["index"], second["index"]) == (0, 1)
    place = round(second["position"] * SAMPLE_RATE)
    assert 2 * SAMPLE_RATE < place < 10 * SAMPLE_RATE
    above, below = run_whole(mix, RUNGS[0]), run_whole(mix, RUNGS[1])
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


def changing(pace: npt.NDArray[np.float64], now: float) -> float:
    """A pace that changes every three seconds."""
    return float(pace[int(now / 3) % len(pace)])


def test_never_late_whatever_the_machine_does() -> None:
    seen = set()
    for seed in range(150):
        rng = np.random.default_rng(seed)
        mix = noise(int(rng.integers(1, 14 * SAMPLE_RATE)), seed=seed)
        limit = float(rng.uniform(15, 80))
        pace = rng.choice([1.0, 1.0, 2.0, 5.0, 20.0], 40)
        # A chunk may be as slow as the reserve allows: a tenth of the limit.
        freezes = [(float(rng.uniform(0, limit / 2)), float(rng.uniform(0, limit / 4)))]
        pace = np.minimum(pace, 0.1 * limit / SECONDS["float32"])
        machine = Machine(
            slowness=partial(changing, pace), freezes=freezes if seed % 3 == 0 else []
        )
        stems, deadline = run(mix, machine, limit)
        assert machine.now <= limit, seed
        assert stems.shape == (4, 2, mix.shape[1]) and np.isfinite(stems).all()
        indices = [decision["index"] for decision in deadline.summary()["decisions"]]
        assert indices == sorted(set(indices))
        seen.add(tuple(indices))
        # Whatever the rungs, no stem is louder than the loudest of them.
        assert np.abs(stems).max() <= 0.7 * np.abs(mix).max() + 1e-6
    assert len(seen) > 5 and (0,) in seen and any(3 in indices for indices in seen)


def test_what_is_kept_for_a_step_does_not_grow_with_the_song() -> None:
    machine = Machine()
    ladder, deadline = make_ladder(machine), make_deadline(machine, 10_000)
    watch = Watch("song", deadline=deadline)
    descent = Descent(60 * SAMPLE_RATE, deadline, lambda rung, left: ladder.open(rung, watch))
    longest = max(size.chunk for size in SIZES.values())
    for _ in range(60):
        descent.push(noise(SAMPLE_RATE))
        assert descent._mix.shape[1] <= RUN_UP + longest + FADE + SAMPLE_RATE
