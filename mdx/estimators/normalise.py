"""Normalising a whole song before an estimator reads it, and undoing that in its stems."""

import math
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import numpy as np

from mdx.systems.spec import Audio


class Normalisation(NamedTuple):
    """The mean and standard deviation that a song is normalised by."""

    mean: float
    std: float  # 0 for silence, and for a single sample

    def apply(self, block: Audio) -> Audio:
        """The normalised samples. Shape: any -> the same."""
        normalised: Audio = (block - np.float32(self.mean)) / np.float32(self.std or 1)
        return normalised

    def undo(self, stems: Audio) -> Audio:
        """Scale stems back in place; silence if the song's standard deviation is 0.

        Shape: any -> the same
        """
        if not self.std:
            return np.zeros_like(stems)
        stems *= np.float32(self.std)
        stems += np.float32(self.mean)
        return stems


def _stereo(block: Audio) -> Audio:
    return block


def _mono(block: Audio) -> Audio:
    return np.asarray(block.mean(axis=0))  # in float32, as upstream


# By the mean and standard deviation of both channels, or of their average.
NORMALISATIONS: Mapping[str, Callable[[Audio], Audio]] = {"stereo": _stereo, "mono": _mono}


def measure(blocks: Iterable[Audio], hows: Iterable[str]) -> dict[str, Normalisation]:
    """Mean and sample standard deviation (n - 1) of a song, for each way in NORMALISATIONS.

    Shape: blocks (2, n)
    """
    running = {how: _Running() for how in hows}
    for block in blocks:
        for how, state in running.items():
            state.add(NORMALISATIONS[how](block).astype(np.float64))
    return {how: state.result() for how, state in running.items()}


class _Running:
    # Welford's method, block by block, without differences of large sums.
    def __init__(self) -> None:
        self.count, self.mean, self.squares = 0, 0.0, 0.0  # of differences from the mean

    def add(self, values: np.ndarray) -> None:
        """Include a block. Shape: any."""
        if not values.size:
            return
        mean = float(values.mean())
        total = self.count + values.size
        self.squares += float(np.square(values - mean).sum())
        self.squares += (mean - self.mean) ** 2 * self.count * values.size / total
        self.mean += (mean - self.mean) * values.size / total
        self.count = total

    def result(self) -> Normalisation:
        """The mean and the standard deviation of all blocks."""
        std = math.sqrt(self.squares / (self.count - 1)) if self.count > 1 else 0.0
        return Normalisation(self.mean, float(np.float32(std)))  # 0 wherever float32 gives 0
