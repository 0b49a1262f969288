"""Cutting a stream of audio into chunks and joining what comes out: the profile "kuielab"."""

from collections.abc import Callable

import numpy as np

from mdx.systems.spec import CHANNELS, Audio, StftSpec


class ChunkStream:
    """One separator's way through a song, whose length need not be known beforehand.

    The song gets `trim` zeros at its head and enough at its tail. Chunks start every `step`
    samples; each is processed, loses `trim` samples at either end, and the rest is strung
    together: no window, no overlap. A chunk of digital silence is silent and skips the network.

    Source: the released submission's inference (its last chunk, where it holds padding only and
    would be cut away whole, is not computed).
    """

    def __init__(
        self,
        spec: StftSpec,
        process: Callable[[Audio], Audio],
        skipped: Callable[[], None] = lambda: None,
    ) -> None:
        """`process` maps a chunk of shape (2, spec.chunk) to the same shape.

        `skipped` is called for every silent chunk in its place.
        """
        self._spec = spec
        self._skipped = skipped
        self._process = process
        self._waiting: Audio = np.zeros((CHANNELS, spec.trim), dtype=np.float32)
        self._owed = 0  # samples that went in and have not come out

    def push(self, block: Audio) -> Audio:
        """Take the next samples of the song; returns those finished by them, perhaps none.

        Shape: (2, n) -> (2, m), m a multiple of spec.step.
        """
        self._owed += block.shape[1]
        self._waiting = np.concatenate([self._waiting, block], axis=1)
        finished = []
        while self._waiting.shape[1] >= self._spec.chunk:
            finished.append(self._take())
        return np.concatenate(finished, axis=1) if finished else block[:, :0]

    def finish(self) -> Audio:
        """End the song; returns all samples still owed. Shape: (2, m)."""
        finished = [self._waiting[:, :0]]
        while self._owed > 0:
            owed, missing = self._owed, self._spec.chunk - self._waiting.shape[1]
            self._waiting = np.pad(self._waiting, ((0, 0), (0, missing)))
            finished.append(self._take()[:, :owed])
        return np.concatenate(finished, axis=1)

    def _take(self) -> Audio:
        spec = self._spec
        chunk = self._waiting[:, : spec.chunk]
        self._waiting = self._waiting[:, spec.step :]
        self._owed -= spec.step
        if not chunk.any():
            self._skipped()
            return np.zeros((CHANNELS, spec.step), dtype=np.float32)
        return self._process(chunk)[:, spec.trim : -spec.trim]
