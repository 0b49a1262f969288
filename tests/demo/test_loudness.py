"""Loudness by ITU-R BS.1770, against the standard written out."""

import numpy as np
import pytest

from demo.dsp import SAMPLE_RATE, Audio, time_axis
from demo.mixing import loudness
from tests.demo.signals import N, noise


def longhand_loudness(x: Audio) -> float:
    """The loudness by ITU-R BS.1770-4: K-weighted 400 ms blocks, gated twice."""
    from scipy.signal import lfilter

    def coefficients(f0: float, q: float, gain: float | None) -> tuple[list[float], list[float]]:
        w = 2 * np.pi * f0 / SAMPLE_RATE
        alpha, c = np.sin(w) / (2 * q), np.cos(w)
        if gain is None:  # high-pass
            b = [(1 + c) / 2, -(1 + c), (1 + c) / 2]
            a = [1 + alpha, -2 * c, 1 - alpha]
        else:  # high shelf
            g = 10 ** (gain / 40)
            root = 2 * np.sqrt(g) * alpha
            b = [g * ((g + 1) + (g - 1) * c + root), -2 * g * ((g - 1) + (g + 1) * c),
                 g * ((g + 1) + (g - 1) * c - root)]  # fmt: skip
            a = [(g + 1) - (g - 1) * c + root, 2 * ((g - 1) - (g + 1) * c),
                 (g + 1) - (g - 1) * c - root]  # fmt: skip
        return [x / a[0] for x in b], [x / a[0] for x in a]

    for f0, q, gain in ((1500.0, 1 / np.sqrt(2), 4.0), (38.0, 0.5, None)):
        b, a = coefficients(f0, q, gain)
        x = lfilter(b, a, x)
    size, hop = int(0.4 * SAMPLE_RATE), int(0.1 * SAMPLE_RATE)
    power = np.array([(x[:, k : k + size] ** 2).mean(axis=1).sum()
                      for k in range(0, x.shape[1] - size + 1, hop)])  # fmt: skip
    power = power[-0.691 + 10 * np.log10(power + 1e-20) > -70]
    gate = -0.691 + 10 * np.log10(power.mean()) - 10
    power = power[-0.691 + 10 * np.log10(power) > gate]
    return float(-0.691 + 10 * np.log10(power.mean()))


def test_loudness_is_that_of_bs_1770() -> None:
    loud_and_quiet = noise(1) * np.where(np.arange(N) < N // 2, 1.0, 0.01)
    for x in (noise(0), 0.05 * noise(2), loud_and_quiet):
        assert loudness(x) == pytest.approx(longhand_loudness(x), abs=0.1)


def test_loudness_of_a_reference_tone() -> None:
    """A full-scale sine of 997 Hz on one side has -3.01 LUFS, by the standard."""
    x = np.stack([np.sin(2 * np.pi * 997 * time_axis(N)), np.zeros(N)])
    assert loudness(x) == pytest.approx(-3.01, abs=0.1)
    assert loudness(0.1 * x) == pytest.approx(-23.01, abs=0.1)


def test_loudness_of_silence_is_the_floor() -> None:
    assert loudness(np.zeros((2, N))) == -70.0
    assert loudness(1e-6 * noise(0)) == -70.0
