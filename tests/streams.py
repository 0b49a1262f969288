"""Estimators made from functions, and songs streamed through them in blocks of any size."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from mdx.estimators.overlap_add import OverlapAdd
from mdx.estimators.protocol import Geometry
from mdx.runtimes.network import FLOAT32, End, Network
from mdx.stages import Stages
from mdx.systems.spec import Audio


@dataclass
class FunctionEstimator:
    """An estimator of one stem: a function of a segment with its context.

    Shape of the function: (2, before + n + after) -> the same
    """

    process: Callable[[Audio], Audio]
    geometry: Geometry
    name: str = "toy"
    makes: tuple[str, ...] = ("toy",)
    normalise: str | None = None
    fixed_length: bool = True
    network: Network | None = None

    def __call__(self, segments: Audio, *, stages: Stages, rng: np.random.Generator) -> Audio:
        """Shape: (batch, 2, before + n + after) -> (batch, 1, 2, n)."""
        before, end = self.geometry.before, segments.shape[2] - self.geometry.after
        return np.stack([self.process(part)[np.newaxis, :, before:end] for part in segments])


class FunctionNetwork:
    """A network made from a function. Shape: for instance (1, 4, F, T) -> the same."""

    runtime, precision = "none", "float32"

    def __init__(self, function: Callable[[Audio], Audio], *shapes: Sequence[int | str]) -> None:
        """`shapes` is that of the input, and that of the output if it differs."""
        self._function = function
        self.input, self.output = (
            End(name, FLOAT32, shape)
            for name, shape in (("input", shapes[0]), ("output", shapes[-1]))
        )

    def __call__(self, values: Audio, out: Audio | None = None) -> Audio:
        """Shape: those of input and output."""
        found = self._function(values)
        if out is None:
            return found
        out[...] = found
        return out


class Skips:
    """A listener that counts calls and skipped segments."""

    def __init__(self) -> None:
        self.called, self.skipped = 0, 0

    def before_segment(self, estimator: str) -> None:
        """Do nothing."""

    def after_segment(self, estimator: str, *, count: int, share: float) -> None:
        """Count a call's segments."""
        self.called += count

    def skip_segment(self, estimator: str, *, count: int) -> None:
        """Count silent segments."""
        self.skipped += count


def stream(overlap_add: OverlapAdd, mix: Audio, sizes: Sequence[int]) -> Audio:
    """A song in blocks of the given sizes, which cover it. Shape: (2, n) -> (stems, 2, n)."""
    ends = np.cumsum(sizes)
    assert ends[-1] >= mix.shape[1]
    parts = [overlap_add.push(block) for block in np.split(mix, ends[:-1], axis=1)]
    return np.concatenate([*parts, overlap_add.finish()], axis=2)
