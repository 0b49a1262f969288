"""Falling back in mid-song: nothing is late, lost or doubled, and nothing clicks."""

import threading
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import pytest

from mdx.combine.rest import Rest
from mdx.estimators.spectrogram import Spectrogram
from mdx.limit.fallback import FADE, WARM_UP
from mdx.limit.ladder import Ladder
from mdx.runtimes.watched import run_watched
from mdx.systems.spec import (
    SAMPLE_RATE,
    SOURCES,
    Audio,
    QualityLevel,
)
from tests.mdx.limit.simulated import (
    BLENDED,
    DEMUCS,
    NORMALISATION,
    PARTNER,
    PLAIN,
    SECONDS,
    SHARES,
    SIZES,
    SLOWER,
    Levels,
    Machine,
    changing,
    make_fallback,
    run,
    run_whole,
    spectrogram_estimator,
    turn_down,
    without_stft,
)
from tests.tiny import noise


@pytest.mark.parametrize("samples", [1, 1000, FADE, FADE + 1, 100_000, 10 * SAMPLE_RATE])
def test_without_pressure_it_is_the_best_level_bit_for_bit(samples: int) -> None:
    mix = noise(samples)
    stems, deadline = run(mix, Machine(), 1000)
    np.testing.assert_array_equal(stems, run_whole(mix, PLAIN[0]))
    assert [decision["index"] for decision in deadline.summary()["decisions"]] == [0]


@pytest.mark.parametrize(("levels", "seconds", "slow"), [(PLAIN, 60, 15), (BLENDED, 85, 30)])
def test_a_fallback_fades_from_one_level_into_the_other(
    levels: Levels, seconds: float, slow: float
) -> None:
    mix = noise(12 * SAMPLE_RATE)
    machine = Machine(slowness=lambda now: 1.0 if now < slow else 3.0)
    stems, deadline = run(mix, machine, seconds, levels)
    first, second = deadline.summary()["decisions"]
    assert (first["index"], second["index"]) == (0, 1)
    place = round(second["position"] * SAMPLE_RATE)
    assert 2 * SAMPLE_RATE < place < 10 * SAMPLE_RATE
    above, below = run_whole(mix, levels[0], levels), run_whole(mix, levels[1], levels)
    np.testing.assert_array_equal(stems[:, :, :place], above[:, :, :place])
    after = slice(place + FADE, None)
    # Segments are at other positions, so results are equal up to rounding.
    assert np.abs(stems - below)[:, :, after].max() < 1e-5
    fade = slice(place, place + FADE)
    change, whole = (stems - above)[:, :, fade], (below - above)[:, :, fade]
    share = (change * whole).sum(axis=(0, 1)) / np.square(whole).sum(axis=(0, 1))
    np.testing.assert_allclose(share, np.arange(1, FADE + 1) / (FADE + 1), atol=1e-2)
    assert np.diff(np.convolve(share, np.ones(50), "valid")).min() > 0


def test_the_last_resort_is_a_quarter_of_the_mixture_each() -> None:
    mix = noise(5 * SAMPLE_RATE)
    stems, deadline = run(mix, Machine(), 0.01)
    assert deadline.summary()["decisions"][0]["index"] == len(PLAIN) - 1
    for stem in stems:
        np.testing.assert_array_equal(stem, mix / 4)


def test_sources_without_a_network_share_what_the_others_leave() -> None:
    mix = noise(4 * SAMPLE_RATE)
    stems = dict(zip(SOURCES, run_whole(mix, PLAIN[2]), strict=True))
    assert np.abs(stems["drums"] - 0.5 * mix).max() < 1e-5
    rest = (mix - stems["drums"] - stems["vocals"]) / 2
    for source in ("bass", "other"):
        np.testing.assert_allclose(stems[source], rest, atol=1e-7)


def test_the_mean_of_both_polarities_has_no_even_part() -> None:
    machine = Machine()

    def bent(spectrogram: Audio) -> Audio:
        found = turn_down(machine, "float32")(spectrogram)
        found += np.float32(0.1) * np.square(spectrogram)
        return found

    level = QualityLevel(both_polarities=True, estimators=SOURCES)
    estimators = {("float32", source): spectrogram_estimator(source, bent) for source in SOURCES}
    ladder = Ladder(SOURCES, (level,), estimators, (Rest(SOURCES),))
    pipeline = ladder.open(level)
    mix = noise(3 * SIZES["bass"].step)
    stems = np.concatenate([pipeline.push(mix), pipeline.finish()], axis=2)
    assert np.abs(stems - 0.6 * mix).max() < 1e-5
    assert machine.now == pytest.approx(
        2 * sum(-(-mix.shape[1] // z.step) for z in SIZES.values()) * 0.4
    )


def test_a_level_without_demucs_is_the_separators_alone() -> None:
    mix = noise(5 * SAMPLE_RATE)
    blended, alone = (run_whole(mix, level, BLENDED) for level in (BLENDED[1], BLENDED[2]))
    # Demucs' half is of the song minus its mean.
    demucs = np.float32(0.5) * (mix - np.float32(NORMALISATION.mean)) + np.float32(
        NORMALISATION.mean
    )
    assert np.abs(alone - 0.5 * mix).max() < 1e-5
    for index, source in enumerate(SOURCES):
        expected = SHARES[source] * 0.5 * mix + (1 - SHARES[source]) * demucs
        assert np.abs(blended[index] - expected).max() < 1e-5


def test_with_demucs_a_source_without_a_separator_is_demucs_alone() -> None:
    mix = noise(3 * SAMPLE_RATE)
    level = QualityLevel("int8", estimators=("vocals", DEMUCS))
    stems = run_whole(mix, level, BLENDED)
    demucs = np.float32(0.5) * (mix - np.float32(NORMALISATION.mean)) + np.float32(
        NORMALISATION.mean
    )
    for index in range(3):
        assert np.abs(stems[index] - demucs).max() < 1e-5
    assert np.abs(stems[3] - 0.9 * 0.5 * mix - np.float32(0.1) * demucs).max() < 1e-5


@pytest.mark.parametrize(("levels", "songs", "lowest"), [(PLAIN, 150, 3), (BLENDED, 60, 2)])
def test_never_late_whatever_the_machine_does(
    levels: Levels, songs: int, lowest: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Spectrogram, "_estimate", without_stft)  # two thirds of the test's time
    seen = set()
    longest = SECONDS["float32"] * (SLOWER * PARTNER.batch if levels is BLENDED else 1)
    for seed in range(songs):
        rng = np.random.default_rng(seed)
        mix = noise(int(rng.integers(1, 14 * SAMPLE_RATE)), seed=seed)
        limit = float(rng.uniform(15, 80)) * (2 if levels is BLENDED else 1)
        pace = rng.choice([1.0, 1.0, 2.0, 5.0, 20.0], 40)
        # A segment may be as slow as the safety margin, a tenth of the limit, allows.
        freezes = [(float(rng.uniform(0, limit / 2)), float(rng.uniform(0, limit / 4)))]
        pace = np.minimum(pace, 0.1 * limit / longest)
        machine = Machine(
            slowness=partial(changing, pace), freezes=freezes if seed % 3 == 0 else []
        )
        stems, deadline = run(mix, machine, limit, levels)
        assert machine.now <= limit, seed
        assert stems.shape == (4, 2, mix.shape[1]) and np.isfinite(stems).all()
        indices = [decision["index"] for decision in deadline.summary()["decisions"]]
        assert indices == sorted(set(indices))
        seen.add(tuple(indices))
        # Whatever the levels, no stem is louder than the loudest of them.
        assert np.abs(stems).max() <= 0.7 * np.abs(mix).max() + NORMALISATION.mean * (
            levels is BLENDED
        )
    assert len(seen) > 4 and (0,) in seen and any(lowest in indices for indices in seen)


@dataclass
class HangingMachine(Machine):
    """A machine whose network makes no progress from some moment on, until it is broken off."""

    hangs_at: float = 0.0
    hanging: bool = False
    ended: threading.Event = field(default_factory=threading.Event)

    def clock(self) -> float:
        self.now += 0.05 * self.hanging  # so time goes by looks, however fast this machine is
        return self.now

    def work(self, seconds: float) -> None:
        super().work(seconds)
        if self.now >= self.hangs_at and not self.ended.is_set():
            run_watched(self.hang, self.ended.set)

    def hang(self) -> None:
        self.hanging = True
        assert self.ended.wait(60)
        self.hanging = False
        raise RuntimeError("broken off")


@pytest.mark.parametrize(("levels", "hangs_at"), [(PLAIN, 8), (PLAIN, 0.5), (BLENDED, 20)])
def test_a_network_that_hangs_costs_only_the_rest_of_the_song(
    levels: Levels, hangs_at: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mdx.runtimes.watched.POLL", 0.001)
    mix = noise(8 * SAMPLE_RATE)
    machine = HangingMachine(hangs_at=hangs_at)
    stems, deadline = run(mix, machine, 100, levels)
    assert 75 < machine.now < 95
    first, last = deadline.summary()["decisions"]
    assert (first["index"], last["index"]) == (0, len(levels) - 1)
    place = round(last["position"] * SAMPLE_RATE)
    assert (place > 0) == (hangs_at > 1)
    np.testing.assert_array_equal(
        stems[:, :, :place], run_whole(mix, levels[0], levels)[..., :place]
    )
    after = slice(place + FADE, None)
    for stem in stems:
        np.testing.assert_array_equal(stem[:, after], mix[:, after] / 4)


@pytest.mark.parametrize("levels", [PLAIN, BLENDED])
def test_buffers_for_a_fallback_do_not_grow_with_the_song(levels: Levels) -> None:
    fallback, _ = make_fallback(60 * SAMPLE_RATE, Machine(), 10_000, levels)
    longest = max(size.chunk for size in SIZES.values())
    if levels is BLENDED:
        longest = PARTNER.samples + (PARTNER.batch - 1) * PARTNER.step
    for _ in range(60):
        fallback.push(noise(SAMPLE_RATE))
        assert fallback._mix.shape[1] <= WARM_UP + longest + FADE + SAMPLE_RATE
