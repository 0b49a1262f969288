"""A simulated machine with its own clock, and a ladder of networks that cost its time."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from mdx.combine.blend import Blend
from mdx.combine.protocol import Combiner
from mdx.combine.rest import Rest
from mdx.estimators.normalise import Normalisation
from mdx.estimators.protocol import Estimator
from mdx.estimators.spectrogram import Spectrogram, SpectrogramOptions
from mdx.estimators.stft import StftSpec
from mdx.estimators.waveform import Waveform, WaveformOptions
from mdx.limit.deadline import Deadline
from mdx.limit.fallback import Fallback
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
    return Ladder(SOURCES, tuple(levels), estimators, (*combiners, Rest(SOURCES)))


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


def without_stft(estimator: Spectrogram, chunk: Audio, stages: Stages) -> Audio:
    """The estimate of a network that is a gain, computed exactly without a spectrogram."""
    assert estimator.network is not None
    found = estimator.network(chunk[np.newaxis])
    return found[:, :, estimator.geometry.before : chunk.shape[1] - estimator.geometry.after]


def changing(pace: npt.NDArray[np.float64], now: float) -> float:
    """A pace that changes every three seconds."""
    return float(pace[int(now / 3) % len(pace)])
