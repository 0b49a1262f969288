"""A filter that changes from frame to frame."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy import fft

from demo.dsp import SAMPLE_RATE, Audio

HOP = 256
_WINDOW = 4 * HOP
_SIZE = 2 * _WINDOW  # room for a response as long as the window: linear convolution
_BLOCK = 512  # frames filtered at a time, to bound memory

Response = npt.NDArray[np.complex64]


def filter_frames(x: Audio, response: Callable[[slice, Audio], Response]) -> Audio:
    """Return `x` (n,) filtered frame by frame with overlap-add.

    Args:
        response: (frames, hz) -> complex gains of shape (frames, bins); frame k is centred on
            sample k * HOP.
    """
    n_frames = len(x) // HOP + 2
    padded = np.zeros((n_frames + 4) * HOP)
    padded[2 * HOP : 2 * HOP + len(x)] = x
    windows = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::HOP]
    # Four overlapping Hann windows add up to 2.
    taper = 0.25 * (1 - np.cos(2 * np.pi * np.arange(_WINDOW) / _WINDOW))
    hz = fft.rfftfreq(_SIZE, 1 / SAMPLE_RATE)
    out = np.zeros((n_frames + _SIZE // HOP, HOP))
    for first in range(0, n_frames, _BLOCK):
        block = slice(first, min(first + _BLOCK, n_frames))
        spectra = fft.rfft((windows[block] * taper).astype(np.float32), _SIZE)
        frames = fft.irfft(spectra * response(block, hz), _SIZE)
        for k in range(_SIZE // HOP):
            out[block.start + k : block.stop + k] += frames[:, k * HOP : (k + 1) * HOP]
    return out.ravel()[2 * HOP : 2 * HOP + len(x)]
