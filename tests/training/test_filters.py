"""The equalisers of training stems: levels where they are known, and both of their forms."""

import numpy as np
import numpy.typing as npt
import pytest

from mdx.systems.spec import SAMPLE_RATE
from training.filters import Section, bell, equalise, response, shelf

LENGTH = 1 << 14
HERTZ = np.linspace(0, SAMPLE_RATE / 2, LENGTH // 2 + 1)


def _decibels(*sections: Section) -> npt.NDArray[np.float64]:
    impulse = np.zeros((2, LENGTH), dtype=np.float32)
    impulse[:, 0] = 1
    heard = equalise(impulse, sections)
    assert heard.dtype == np.float32 and heard.shape == impulse.shape
    spectrum = np.fft.rfft(heard[0])
    delay = np.exp(-2j * np.pi * HERTZ / SAMPLE_RATE)
    assert np.abs(response(sections, delay) - spectrum).max() < 1e-3
    levels: npt.NDArray[np.float64] = 20 * np.log10(np.abs(spectrum))
    return levels


@pytest.mark.parametrize("gain", [-12.0, 6.0, 18.0])
def test_a_shelf_rises_from_nothing_to_its_gain(gain: float) -> None:
    level = _decibels(shelf(gain, 2000.0))
    assert level[0] == pytest.approx(0.0, abs=0.01)
    assert level[-1] == pytest.approx(gain, abs=0.01)
    # (1 + j gain) / (1 + j) at the corner
    at_corner = 10 * np.log10((1 + 10 ** (gain / 10)) / 2)
    assert level[np.abs(HERTZ - 2000).argmin()] == pytest.approx(at_corner, abs=0.1)
    assert (np.diff(level) * np.sign(gain) > -1e-3).all()


@pytest.mark.parametrize("gain", [-9.0, 4.0])
@pytest.mark.parametrize("q", [0.5, 2.0])
def test_a_bell_has_its_gain_at_its_frequency_and_none_far_away(gain: float, q: float) -> None:
    level = _decibels(bell(gain, 700.0, q))
    peak = np.abs(level).argmax()
    assert HERTZ[peak] == pytest.approx(700, abs=10)
    assert level[peak] == pytest.approx(gain, abs=0.02)
    assert level[[0, -1]] == pytest.approx(0.0, abs=0.02)
    # q is the frequency over the distance between the points of half the gain in dB.
    wide = np.ptp(HERTZ[np.abs(level) > abs(gain) / 2])
    assert wide == pytest.approx(700 / q, rel=0.02)


def test_filters_follow_one_another() -> None:
    one, two = shelf(6.0, 3000.0), bell(-8.0, 200.0, 1.0)
    np.testing.assert_allclose(_decibels(one, two), _decibels(one) + _decibels(two), atol=1e-3)
