"""Equalisers of training stems: second-order sections, as filters and as frequency responses."""

import math
from collections.abc import Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from scipy.signal import sosfilt
from torch import Tensor

from mdx.systems.spec import SAMPLE_RATE, Audio

# The coefficients b0, b1, b2, a0, a1, a2 of one second-order section, with a0 = 1.
Section = tuple[float, float, float, float, float, float]
Spectrum = TypeVar("Spectrum", npt.NDArray[np.complex128], Tensor)


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


def response(sections: Sequence[Section], delay: Spectrum) -> Spectrum:
    """What the sections together multiply each frequency by, as an array or on a device.

    `delay` is what a delay of one sample multiplies it by, exp(-2j pi f / SAMPLE_RATE). Shape: any
    -> the same
    """
    found = delay**0
    for b0, b1, b2, _, a1, a2 in sections:
        found = found * (b0 + delay * (b1 + delay * b2)) / (1 + delay * (a1 + delay * a2))
    return found
