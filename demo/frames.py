"""Time-varying filters, applied frame by frame."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy import fft

from demo.dsp import SAMPLE_RATE, Audio

HOP = 256
_WINDOW = 4 * HOP
_LEAD = HOP  # samples before the window, for responses that begin before time zero
_SIZE = 2 * _WINDOW  # long enough for window and response: the convolution is linear
_BLOCK = 64  # frames filtered at once: as many as fit into a CPU's cache

Response = npt.NDArray[np.complex64]
Filter = Callable[[slice, Audio], Response]


def filter_frames(
    sources: Audio, responses: Callable[[slice, Audio], tuple[Response, ...]]
) -> Audio:
    """The sum of sources, each filtered frame by frame with overlap-add. Shape: (m, n) -> (n,).

    The first and the last HOP samples are faded, since no frame begins before or ends after them.

    Args:
        responses: (frames, hz) -> complex gains of shape (frames, bins) for each source; frame k
            is centred on sample k * HOP. Not called where all sources are silent.
    """
    m, n = sources.shape
    n_frames = n // HOP + 2
    padded = np.zeros((m, (n_frames + 4) * HOP), dtype=np.float32)
    padded[:, 2 * HOP : 2 * HOP + n] = sources
    windows = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW, axis=1)[:, ::HOP]
    # Four overlapping Hann windows add up to 2.
    taper = 0.25 * (1 - np.cos(2 * np.pi * np.arange(_WINDOW) / _WINDOW))
    hz = fft.rfftfreq(_SIZE, 1 / SAMPLE_RATE)
    out = np.zeros((n_frames + _SIZE // HOP, HOP))
    frame = np.zeros((m, _BLOCK, _SIZE), dtype=np.float32)
    for first in range(0, n_frames, _BLOCK):
        block = slice(first, min(first + _BLOCK, n_frames))
        count = block.stop - block.start
        if not windows[:, block].any():
            continue
        frame[:, :count, _LEAD : _LEAD + _WINDOW] = windows[:, block] * taper
        spectra = fft.rfft(frame[:, :count])
        total = sum(s * r for s, r in zip(spectra, responses(block, hz), strict=True))
        frames = fft.irfft(total, _SIZE)
        for k in range(_SIZE // HOP):
            out[block.start + k : block.stop + k] += frames[:, k * HOP : (k + 1) * HOP]
    start = 2 * HOP + _LEAD
    return out.ravel()[start : start + n]
