"""Counts the multiply-accumulates of a whole song, without running its networks."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import cast

import numpy as np
import onnx

from mdx.errors import NetworkError
from mdx.estimators.overlap_add import OverlapAdd
from mdx.estimators.protocol import Estimator
from mdx.loading import load_ladder
from mdx.runtimes.network import FLOAT32, End, Network
from mdx.runtimes.runtime import Runtime
from mdx.stages import Stages
from mdx.systems.find import find_system
from mdx.systems.spec import CHANNELS, SAMPLE_RATE, Audio
from models.executed_macs import executed_macs
from models.macs import Shape, count_macs

BLOCK = SAMPLE_RATE  # samples of mixture at a time


class Counted:
    """A stand-in for a network that counts its inputs and returns zeros."""

    runtime, precision = "none", "float32"

    def __init__(self, path: Path) -> None:
        graph = onnx.load(path).graph
        self.path = path
        self.input, self.output = _end(graph.input[0]), _end(graph.output[0])
        self.calls: Counter[Shape] = Counter()

    def __call__(self, values: Audio, out: Audio | None = None) -> Audio:
        """Shape: as for the network; a variable axis is as long as the input's."""
        self.calls[values.shape] += 1
        if out is None:
            ends = (values.shape[0], *self.output.shape[1:-1], values.shape[-1])
            out = np.empty([size for size in ends if isinstance(size, int)], dtype=np.float32)
        out[...] = 0
        return out


def _end(value: onnx.ValueInfoProto) -> End:
    dims = value.type.tensor_type.shape.dim
    return End(value.name, FLOAT32, [dim.dim_value or dim.dim_param for dim in dims])


@dataclass
class CountedRuntime:
    """A stand-in for a runtime, whose networks are Counted."""

    workers: int = 1
    computes_bf16: bool = False
    opened: list[Counted] = field(default_factory=list)

    def open(
        self, path: Path, name: str, *, fixed: bool = True, precision: str = "float32"
    ) -> Network:
        """As in mdx.runtimes.runtime.Runtime."""
        del name, fixed, precision
        self.opened.append(Counted(path))
        return self.opened[-1]


class Lengths:
    """A stand-in for an estimator that counts segments by their length and returns silence."""

    def __init__(self, estimator: Estimator) -> None:
        self.name, self.makes = estimator.name, estimator.makes
        self.geometry, self.fixed_length = estimator.geometry, estimator.fixed_length
        self.normalise: str | None = None
        self.network: Network | None = None
        self.calls: Counter[int] = Counter()

    def __call__(self, segments: Audio, *, stages: Stages, rng: np.random.Generator) -> Audio:
        """Shape: (batch, 2, before + n + after) -> (batch, stems, 2, n)."""
        del stages, rng
        count, _, samples = segments.shape
        self.calls[samples] += count
        kept = samples - self.geometry.before - self.geometry.after
        return np.zeros((count, len(self.makes), CHANNELS, kept), dtype=np.float32)


def song_macs(system: Path, seconds: float) -> int:
    """Multiply-accumulates of a system's networks over a song of noise, with all its overlaps."""
    spec, folder = find_system(system)
    runtime = CountedRuntime()
    ladder = load_ladder(spec, folder, cast(Runtime, runtime), "float32", where=system)
    total = 0
    for estimator in ladder.running(ladder.levels[0]):
        for samples, count in segment_lengths(estimator, seconds).items():
            for network in runtime.opened:
                network.calls.clear()  # of the previous segment, and of checks while loading
            segment = np.ones((1, CHANNELS, samples), dtype=np.float32)
            estimator(segment, stages=Stages(), rng=np.random.default_rng(0))
            total += count * sum(
                calls * _macs(network.path, shape)
                for network in runtime.opened for shape, calls in network.calls.items()
            )  # fmt: skip
    return total


def segment_lengths(estimator: Estimator, seconds: float) -> Mapping[int, int]:
    """The number of calls of an estimator in a song, by the samples of its input."""
    counted = Lengths(estimator)
    song = OverlapAdd(counted)
    left = round(seconds * SAMPLE_RATE)
    while left > 0:
        song.push(np.ones((CHANNELS, min(BLOCK, left)), dtype=np.float32))
        left -= BLOCK
    song.finish()
    return counted.calls


@cache
def _macs(path: Path, shape: Shape) -> int:
    try:
        return count_macs(onnx.load(path), shape)
    except NetworkError:  # sizes that are computed while it runs
        return executed_macs(path, shape)
