"""What stems leave of the mixture, as a stem of its own."""

from collections import deque
from collections.abc import Iterable, Iterator

import numpy as np

from mdx.systems.spec import Audio


class Remainder:
    """The mixture, kept from when it is read until its stems are there."""

    def __init__(self) -> None:
        self._kept: deque[Audio] = deque()

    def watch(self, blocks: Iterable[Audio]) -> Iterator[Audio]:
        """Pass the mixture on, and keep it. Shape: (2, n) each."""
        for block in blocks:
            self._kept.append(block)
            yield block

    def added_to(self, stems: Audio) -> Audio:
        """The stems of the next n samples, and what they leave.

        Shape: (s, 2, n) -> (s + 1, 2, n)
        """
        left = self._take(stems.shape[2]) - stems.sum(axis=0)
        both: Audio = np.concatenate([stems, left[np.newaxis]])
        return both

    def _take(self, samples: int) -> Audio:
        parts = [np.zeros((2, 0), np.float32)]
        while samples:
            block = self._kept.popleft()
            if block.shape[1] > samples:
                self._kept.appendleft(block[:, samples:])
                block = block[:, :samples]
            parts.append(block)
            samples -= block.shape[1]
        return np.concatenate(parts, axis=1)
