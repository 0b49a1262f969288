"""A queue of audio: blocks of any size in, the requested number of samples out."""

from collections import deque

import numpy as np

from mdx.systems.spec import CHANNELS, Audio


class Fifo:
    """The buffer between the mixture and streams whose segments differ in length."""

    def __init__(self) -> None:
        self._blocks: deque[Audio] = deque()
        self._nothing: Audio = np.zeros((CHANNELS, 0), dtype=np.float32)
        self.samples = 0

    def put(self, block: Audio) -> None:
        """Append samples. Shape: (..., n)."""
        self._blocks.append(block)
        self._nothing = block[..., :0]
        self.samples += block.shape[-1]

    def take(self, samples: int) -> Audio:
        """Remove and return the oldest samples. Shape: (..., samples)."""
        taken = [self._nothing]
        while (left := samples - sum(block.shape[-1] for block in taken)) > 0:
            taken.append(self._blocks.popleft())
        if left < 0:
            self._blocks.appendleft(taken[-1][..., left:].copy())  # frees what is taken
            taken[-1] = taken[-1][..., :left]
        self.samples -= samples
        return np.concatenate(taken, axis=-1)
