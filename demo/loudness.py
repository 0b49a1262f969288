"""Loudness as measured in broadcasting."""

from typing import Any

import numpy as np
import numpy.typing as npt

from demo.dsp import SAMPLE_RATE
from demo.errors import not_installed

_BLOCK = 0.4  # seconds per block of the meter


def integrated_loudness(audio: npt.NDArray[Any]) -> float | None:
    """The loudness of stereo audio by ITU-R BS.1770-4, LUFS. Shape: (2, n).

    None if it is below the meter's gate of -70 LUFS or shorter than 0.4 s. Raises DemoError if
    pyloudnorm is missing.
    """
    try:
        from pyloudnorm import Meter
    except ImportError as error:
        raise not_installed("loudness", error, "pyloudnorm, which measures it") from error
    if audio.shape[1] < _BLOCK * SAMPLE_RATE or not audio.any():
        return None  # the meter would warn about silence
    loudness = float(Meter(SAMPLE_RATE).integrated_loudness(audio.T.astype(np.float64)))
    return loudness if np.isfinite(loudness) else None
