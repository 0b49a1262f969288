"""Falling back in mid-song: nothing is late, lost or doubled, and nothing clicks."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import numpy.typing as npt
import pytest

from mdx.combine.blend import Blend
from mdx.combine.protocol import Combiner
from mdx.combine.rest import Rest
from mdx.estimators.normalise import Normalisation
from mdx.estimators.protocol import Estimator
from mdx.estimators.spectrogram import Spectrogram, SpectrogramOptions
from mdx.estimators.stft import StftSpec
from mdx.estimators.waveform import Waveform, WaveformOptions
from mdx.limit.deadline import Deadline
from mdx.limit.fallback import FADE, WARM_UP, Fallback
from mdx.limit.ladder import Ladder
from mdx.monitor import Monitor
from mdx.stages import Stages
from mdx.systems.spec import (
    LAST_RESORT,
    SAMPLE_RATE,
    SOURCES,
    Audio,
    EstimatorSpec,
    QualityLevel,
)
from tests.streams import FunctionNetwork
from tests.tiny import noise

# Chunks of about half a second, different for each source, so streams are never in step.
SIZES = {
    source: StftSpec(n_fft=2048, hop=1024, dim_f=1025, dim_t=frames)
    for source, frames in zip(SOURCES, (20, 24, 29, 33), strict=True)
}
DEMUCS = "demucs_v2"
ALL = (*SOURCES, DEMUCS)
PLAIN = (
    QualityLevel("float32", estimators=SOURCES), QualityLevel("int8", estimators=SOURCES),
    QualityLevel("int8", estimators=("drums", "vocals")), LAST_RESORT,
)  # fmt: skip
BLENDED = (
    QualityLevel("float32", estimators=ALL), QualityLevel("int8", estimators=ALL),
    QualityLevel("int8", estimators=SOURCES), LAST_RESORT,
)  # fmt: skip
PARTNER = WaveformOptions(segment=1.0, overlap=0.5, batch=2, lengths="any")
ALONE = 1.5  # factor for the time of a segment that is alone in its call
SHARES = {"bass": 0.5, "drums": 0.5, "other": 0.7, "vocals": 0.9}
NORMALISATION = Normalisation(0.1, 0.25)
SECONDS = {"float32": 0.4, "int8": 0.1}  # per segment, at full speed
GAINS = {"float32": 0.6, "int8": 0.5}
SLOWER = 2  # factor for the time of a segment of Demucs-v2
Levels = Sequence[QualityLevel]


@dataclass
class Machine:
    """A clock, and a machine whose speed changes over time."""

    slowness: Callable[[float], float] = lambda now: 1.0
    freezes: list[tuple[float, float]] = field(default_factory=list)  # when, and for how long
    now: float = 0.0

    def clock(self) -> float:
        return self.now

    def work(self, seconds: float) -> None:
        self.now += seconds * self.slowness(self.now)
        while self.freezes and self.freezes[0][0] <= self.now:
            self.now += self.freezes.pop(0)[1]


def turn_down(machine: Machine, precision: str) -> Callable[[Audio], Audio]:
    """A stand-in for a spectrogram network: a gain that takes time."""

    def function(spectrogram: Audio) -> Audio:
        machine.work(SECONDS[precision])
        found: Audio = spectrogram * np.float32(GAINS[precision])
        return found

    return function


def spectrogram_estimator(source: str, function: Callable[[Audio], Audio]) -> Estimator:
    """An estimator of one source, made from a function."""
    size = SIZES[source]
    network = FunctionNetwork(function, [1, 4, size.dim_f, size.dim_t])
    spec = EstimatorSpec("spectrogram", (source,), weights="x.onnx")
    options = SpectrogramOptions(size.n_fft, size.hop)
    return Spectrogram(spec, options, network, workers=1)


def demucs_estimator(machine: Machine, precision: str) -> Estimator:
    """A stand-in for Demucs-v2: every stem is half of the input, and takes time."""

    def function(mix: Audio) -> Audio:
        # A call costs the same whatever its batch, and each segment something more.
        calls = len(mix) * (2 - ALONE) + 2 * (ALONE - 1)
        share = mix.shape[2] / PARTNER.samples
        if mix.shape[2] > 1:  # else it is the check of the network
            machine.work(SLOWER * SECONDS[precision] * calls * share)
        return np.stack([np.float32(0.5) * mix] * len(SOURCES), axis=1)

    network = FunctionNetwork(function, ["b", 2, "n"], ["b", 4, 2, "m"])
    spec = EstimatorSpec("waveform", SOURCES, weights="x.onnx", name=DEMUCS)
    return Waveform(spec, PARTNER, network, workers=1)


def make_ladder(machine: Machine, levels: Levels = PLAIN) -> Ladder:
    estimators: dict[tuple[str, str], Estimator] = {}
    for precision in SECONDS:
        for source in SOURCES:
            function = turn_down(machine, precision)
            estimators[precision, source] = spectrogram_estimator(source, function)
        if levels is BLENDED:
            estimators[precision, DEMUCS] = demucs_estimator(machine, precision)
    combiners: list[Combiner] = [Blend(DEMUCS, SHARES)] if levels is BLENDED else []
    return Ladder(
        SOURCES, tuple(levels), estimators, (*combiners, Rest(SOURCES)), frozenset(SOURCES)
    )


def make_deadline(
    ladder: Ladder, machine: Machine, seconds: float, levels: Levels = PLAIN
) -> Deadline:
    costs = {(kind, source): SECONDS[kind] for kind in SECONDS for source in SOURCES}
    costs |= {(kind, DEMUCS): SLOWER * SECONDS[kind] for kind in SECONDS}
    geometries = ladder.geometries
    return Deadline(seconds, levels, costs, geometries, started=0.0, clock=machine.clock)


def make_fallback(
    samples: int, machine: Machine, seconds: float, levels: Levels = PLAIN
) -> tuple[Fallback, Deadline]:
    ladder = make_ladder(machine, levels)
    deadline = make_deadline(ladder, machine, seconds, levels)
    normalisations = {"stereo": NORMALISATION}
    monitor = Monitor("song")
    return Fallback(samples, deadline, ladder, monitor, normalisations=normalisations), deadline


def run(
    mix: Audio, machine: Machine, seconds: float, levels: Levels = PLAIN
) -> tuple[Audio, Deadline]:
    """A song under a limit, in blocks of uneven length."""
    fallback, deadline = make_fallback(mix.shape[1], machine, seconds, levels)
    parts = [fallback.push(block) for block in blocks(mix)]
    return np.concatenate([*parts, fallback.finish()], axis=2), deadline


def run_whole(mix: Audio, level: QualityLevel, levels: Levels = PLAIN) -> Audio:
    """A whole song at one quality level."""
    ladder = make_ladder(Machine(), levels)
    pipeline = ladder.open(level, normalisations={"stereo": NORMALISATION})
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
    ladder = Ladder(SOURCES, (level,), estimators, (Rest(SOURCES),), frozenset(SOURCES))
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


def without_stft(estimator: Spectrogram, chunk: Audio, stages: Stages) -> Audio:
    """The estimate of a network that is a gain, computed exactly without a spectrogram."""
    assert estimator.network is not None
    found = estimator.network(chunk[np.newaxis])
    return found[:, :, estimator.geometry.before : chunk.shape[1] - estimator.geometry.after]


def changing(pace: npt.NDArray[np.float64], now: float) -> float:
    """A pace that changes every three seconds."""
    return float(pace[int(now / 3) % len(pace)])


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


@pytest.mark.parametrize("levels", [PLAIN, BLENDED])
def test_buffers_for_a_fallback_do_not_grow_with_the_song(levels: Levels) -> None:
    fallback, _ = make_fallback(60 * SAMPLE_RATE, Machine(), 10_000, levels)
    longest = max(size.chunk for size in SIZES.values())
    if levels is BLENDED:
        longest = PARTNER.samples + (PARTNER.batch - 1) * PARTNER.step
    for _ in range(60):
        fallback.push(noise(SAMPLE_RATE))
        assert fallback._mix.shape[1] <= WARM_UP + longest + FADE + SAMPLE_RATE
