"""The remainder: the mixture minus some stems, as another stem."""

from collections.abc import Iterable, Iterator

import numpy as np

from mdx.audio.fifo import Fifo
from mdx.systems.spec import Audio


class Remainder:
    """The mixture, buffered from when it is read until its stems are available."""

    def __init__(self) -> None:
        self._kept = Fifo()

    def watch(self, blocks: Iterable[Audio]) -> Iterator[Audio]:
        """Pass the mixture on, and buffer it. Shape: (2, n) each."""
        for block in blocks:
            self._kept.put(block)
            yield block

    def added_to(self, stems: Audio) -> Audio:
        """The stems of the next n samples, and their remainder.

        Shape: (s, 2, n) -> (s + 1, 2, n)
        """
        left = self._kept.take(stems.shape[2]) - stems.sum(axis=0)
        both: Audio = np.concatenate([stems, left[np.newaxis]])
        return both
