"""Noise for the tests of mixing."""

import numpy as np

from demo.dsp import SAMPLE_RATE, Audio, time_axis

N = 3 * SAMPLE_RATE


def noise(seed: int, level: float = 0.3) -> Audio:
    """Stereo noise, independent in both channels, that swells twice per second."""
    rng = np.random.default_rng(seed)
    swell = 0.6 + 0.4 * np.sin(2 * np.pi * 2 * time_axis(N))
    out: Audio = level * swell * rng.standard_normal((2, N))
    return out
