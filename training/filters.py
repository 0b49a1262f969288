"""Equalisers of training stems: second-order sections, as filters and as frequency responses."""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.signal import freqz_sos, sosfilt

from mdx.systems.spec import SAMPLE_RATE, Audio

# The coefficients b0, b1, b2, a0, a1, a2 of one second-order section, with a0 = 1.
Section = tuple[float, float, float, float, float, float]


def shelf(gain_db: float, corner: float) -> Section:
    """Everything above a corner (Hz) louder: 0 dB well below it, `gain_db` well above it."""
    gain, slope = 10 ** (gain_db / 20), math.tan(math.pi * corner / SAMPLE_RATE)
    # (gain * s + w) / (s + w) by the bilinear transform.
    over = 1 + slope
    return (gain + slope) / over, (slope - gain) / over, 0.0, 1.0, (slope - 1) / over, 0.0


def bell(gain_db: float, frequency: float, q: float) -> Section:
    """`gain_db` at a frequency (Hz), 0 dB far from it; the higher `q`, the narrower."""
    gain, turn = 10 ** (gain_db / 40), 2 * math.pi * frequency / SAMPLE_RATE
    breadth = math.sin(turn) / (2 * q)
    # (s^2 + s gain / q + 1) / (s^2 + s / (gain q) + 1) by the bilinear transform.
    over, middle = 1 + breadth / gain, -2 * math.cos(turn)
    above, below = 1 + breadth * gain, 1 - breadth * gain
    return above / over, middle / over, below / over, 1.0, middle / over, 2 / over - 1


def equalise(stem: Audio, sections: Sequence[Section]) -> Audio:
    """A stem through all sections. Shape: (2, n) -> the same."""
    return np.asarray(sosfilt(np.array(sections), stem, axis=1), dtype=np.float32)


def response(
    sections: Sequence[Section], frequencies: npt.NDArray[np.float64]
) -> npt.NDArray[np.complex128]:
    """What the sections together multiply the frequencies (Hz) by. Shape: (n,) -> the same."""
    _, found = freqz_sos(np.array(sections), worN=frequencies, fs=SAMPLE_RATE)
    return np.asarray(found)
