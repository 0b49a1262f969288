"""Overlapping chunks under a window, added up as a stream: the profile "uvr"."""

from collections.abc import Callable

import numpy as np

from mdx.errors import ConfigError
from mdx.systems.spec import CHANNELS, Audio, StftSpec

MOST_OVERLAP = 0.99  # of a chunk; the work grows with 1 / (1 - overlap)


class UvrStream:
    """One network's way through a song, whose length need not be known beforehand.

    The song gets `trim` zeros at its head, and at its tail enough to fill whole steps. Chunks start
    every `uvr_step` samples; each is processed, weighted by a symmetric Hann window as long as what
    the chunk holds (the last ones are shorter), and added up; the sum is divided by that of the
    weights. A chunk of digital silence is silent and skips the network.

    Source: the MDX-Net separation of Ultimate Vocal Remover (chunks that lie behind the song's end
    are not computed). There, sample 0 of the padded song is 0 / 0: here too it is never looked at.
    """

    def __init__(
        self,
        spec: StftSpec,
        process: Callable[[Audio], Audio],
        skipped: Callable[[], None] = lambda: None,
        *,
        overlap: float | None = None,
    ) -> None:
        """`process` maps a chunk of shape (2, spec.chunk) to the same shape.

        `skipped` is called for every silent chunk in its place; `overlap` is that of `uvr_step`.
        """
        self._spec = spec
        self._process = process
        self._skipped = skipped
        self._step = uvr_step(spec, overlap)
        self._window = np.ones if overlap == 0 else np.hanning
        self._whole = self._window(spec.chunk).astype(np.float32)
        self._waiting: Audio = np.zeros((CHANNELS, spec.trim), dtype=np.float32)
        # From the start of the next chunk on: weighted estimates, and the weights in the last row.
        self._sums: Audio = np.zeros((CHANNELS + 1, spec.chunk), dtype=np.float32)
        self._head = spec.trim  # samples that come before the song
        self._samples = 0  # of the song so far
        self._owed = 0  # samples that went in and have not come out

    def push(self, block: Audio) -> Audio:
        """Take the next samples of the song; returns those finished by them, perhaps none.

        Shape: (2, n) -> (2, m).
        """
        self._samples += block.shape[1]
        self._owed += block.shape[1]
        self._waiting = np.concatenate([self._waiting, block], axis=1)
        finished = [block[:, :0]]
        while self._waiting.shape[1] >= self._spec.chunk:
            finished.append(self._take())
        return np.concatenate(finished, axis=1)

    def finish(self) -> Audio:
        """End the song; returns all samples still owed. Shape: (2, m)."""
        spec = self._spec
        tail = spec.trim + spec.step - self._samples % spec.step
        self._waiting = np.pad(self._waiting, ((0, 0), (0, tail)))
        finished = [self._waiting[:, :0]]
        while self._owed > 0:
            finished.append(self._take())
        return np.concatenate(finished, axis=1)

    def _take(self) -> Audio:
        spec, step = self._spec, self._step
        chunk, self._waiting = self._waiting[:, : spec.chunk], self._waiting[:, step:]
        size = chunk.shape[1]
        weights = self._whole
        if size < spec.chunk:
            weights = self._window(size).astype(np.float32)
            chunk = np.pad(chunk, ((0, 0), (0, spec.chunk - size)))
        self._sums[-1, :size] += weights
        if chunk.any():
            self._sums[:-1, :size] += weights * self._process(chunk)[:, :size]
        else:
            self._skipped()
        # What lies before the next chunk is complete.
        ready = self._sums[:, self._head : min(step, self._head + self._owed)]
        finished: Audio = ready[:-1] / ready[-1]
        self._owed -= finished.shape[1]
        self._head = max(0, self._head - step)
        self._sums = np.pad(self._sums[:, step:], ((0, 0), (0, step)))
        return finished


def uvr_step(spec: StftSpec, overlap: float | None = None) -> int:
    """Samples from one chunk to the next.

    `overlap` is a share of the chunk, 0 for chunks side by side without a window; None: n_fft
    samples. Raises ConfigError where some samples would have no weight, or chunks hardly advance.
    """
    if overlap is None:
        return spec.step
    # Cut down, not rounded, as upstream does it.
    step = int((1 - overlap) * spec.chunk) if 0 <= overlap <= MOST_OVERLAP else 0
    # The window is zero at either end: what one chunk gives no weight must lie inside another.
    if step < 1 or (overlap > 0 and step > spec.chunk - 2):
        raise ConfigError(
            "overlap",
            got=overlap,
            expected=f"0, or {2 / spec.chunk:.1g} (two samples) to {MOST_OVERLAP:g} of a chunk",
        )
    return step
