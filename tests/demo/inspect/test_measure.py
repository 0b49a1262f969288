"""Measures of sounds with known values."""

import sys

import numpy as np
import pytest

from demo.errors import DemoError
from demo.inspect.bands import REFERENCES, hertz, judge
from demo.inspect.measure import (
    CENTRES,
    HERTZ,
    active_share,
    correlate,
    long_term_spectrum,
    measure,
)
from demo.loudness import integrated_loudness
from mdx.systems.spec import SAMPLE_RATE, SOURCES
from tests.demo.inspect.kit import SECONDS, Values, stereo, times

NOISE_DB = 1.0  # error of a few seconds of noise in third octaves above 250 Hz
LOW_NOISE_DB = 2.5  # the same below 250 Hz, where bands are narrower


def noise(seed: int = 0) -> Values:
    return 0.1 * np.random.default_rng(seed).standard_normal(len(times()))


def test_white_noise_is_flat_and_pink_noise_falls_3_db_an_octave() -> None:
    curve, levels = long_term_spectrum(stereo(noise()))
    assert curve.shape == CENTRES.shape and levels.shape == (len(HERTZ),)
    assert curve.max() == 0 and curve.min() > -2 * LOW_NOISE_DB
    assert np.ptp(levels[3:]) < NOISE_DB
    spectrum = np.fft.rfft(noise())
    frequency = np.maximum(np.fft.rfftfreq(len(times()), 1 / SAMPLE_RATE), 20)
    pink = np.fft.irfft(spectrum / np.sqrt(frequency), len(times()))
    curve, levels = long_term_spectrum(stereo(pink))
    expected = -10 * np.log10(np.array(HERTZ) / HERTZ[4])
    np.testing.assert_allclose(levels[3:] - levels[4], expected[3:], atol=NOISE_DB)
    np.testing.assert_allclose(levels - levels[4], expected, atol=LOW_NOISE_DB)


def test_bands_tell_density_not_power() -> None:
    # An equally loud tone in a band ten times as wide has a tenth of the density.
    tones = (0.1 * np.sin(2 * np.pi * f * times()) for f in (400.0, 4000.0))
    curve, levels = long_term_spectrum(stereo(np.asarray(sum(tones))))
    assert levels[HERTZ.index(4000)] == pytest.approx(-10, abs=0.2)
    assert CENTRES[np.argmax(curve)] == pytest.approx(398, abs=1)
    assert levels[HERTZ.index(1000)] < -60


def test_both_channels_count() -> None:
    left = stereo(np.sin(2 * np.pi * 1000 * times()))
    left[1] = 0.1 * np.sin(2 * np.pi * 4000 * times())
    levels = long_term_spectrum(left)[1]
    assert levels[HERTZ.index(4000)] == pytest.approx(-20 - 6, abs=0.2)


@pytest.mark.parametrize("samples", [1, 7, 2000, SAMPLE_RATE])
def test_short_and_quiet_sounds_have_finite_figures(samples: int) -> None:
    measures = measure(np.full((2, samples), 0.01, dtype=np.float32))  # nothing but an offset
    assert measures and np.isfinite(measures.levels).all() and np.isfinite(measures.curve).all()
    assert (measures.loudness is None) == (samples < 0.4 * SAMPLE_RATE)


def test_correlation() -> None:
    tone = np.sin(2 * np.pi * 200 * times())
    assert correlate(stereo(tone)) == pytest.approx(1, abs=1e-6)
    assert correlate(stereo(tone) * np.array([[1], [-1]], dtype=np.float32)) < -0.999
    assert correlate(np.stack([noise(1), noise(2)]).astype(np.float32)) == pytest.approx(
        0, abs=0.02
    )
    # Centre and sides with powers 1/2 and 1/6 give (3 - 1) / (3 + 1).
    assert correlate(stereo(tone, side=np.sqrt(1 / 6))) == pytest.approx(0.5, abs=0.01)
    assert correlate(stereo(tone) * np.array([[1], [0]], dtype=np.float32)) == 0


def test_crest_and_loudness_of_a_sine() -> None:
    measures = measure(stereo(0.5 * np.sin(2 * np.pi * 1000 * times())))
    assert measures and measures.crest == pytest.approx(3.01, abs=0.02)
    # BS.1770: a sine of 0 dBFS at 997 Hz in one channel is -3.01 LUFS, in both 0 LUFS.
    assert measures.loudness == pytest.approx(-6.02, abs=0.1)
    one_side = stereo(0.5 * np.sin(2 * np.pi * 1000 * times()))
    one_side[1] = 0
    assert integrated_loudness(one_side) == pytest.approx(-9.03, abs=0.1)


def test_active_time() -> None:
    sound = 0.1 * np.sin(2 * np.pi * 500 * times())
    sound[: len(sound) // 3] *= 1e-3  # -83 dBFS
    assert active_share(stereo(sound)) == pytest.approx(2 / 3, abs=0.2 / SECONDS)
    assert active_share(stereo(np.full(SAMPLE_RATE, 1.01e-3))) == 1
    assert active_share(stereo(np.full(SAMPLE_RATE, 0.99e-3))) == 0
    assert measure(stereo(1e-4 * noise())) is None and measure(np.zeros((2, 9), np.float32)) is None


def test_without_pyloudnorm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyloudnorm", None)
    with pytest.raises(DemoError, match=r"no pyloudnorm, .*; pip install .*\.\[demo\]'"):
        integrated_loudness(stereo(noise()))


@pytest.mark.parametrize("stem", SOURCES)
def test_real_stems_are_in_their_own_bands(stem: str) -> None:
    reference = REFERENCES[stem]
    for real in reference.real:
        assert len(real.levels) == len(HERTZ) and max(real.levels) <= 0
        correlation = np.clip(real.correlation, *reference.correlation)
        assert abs(correlation - real.correlation) < 0.01
        assert judge(stem, np.array(real.levels, dtype=float), float(correlation)) == {}


def test_measures_outside_the_range_are_named_with_their_excess() -> None:
    levels = np.array(REFERENCES["vocals"].real[0].levels, dtype=float)
    levels[0] += 8 + 0.5  # -41: the highest of the real ones
    levels[6] -= 14 + 8 + 2.0  # -17: the other one is 14 dB below
    levels[9] -= 60  # not judged
    assert judge("vocals", levels, 0.9) == {
        0: "60 Hz is 0.5 dB too high",
        6: "4 kHz is 2.0 dB too low",
        10: "L/R correlation is 0.050 too low",
    }
    assert judge("drums", np.array(REFERENCES["drums"].real[0].levels, dtype=float), 1.0) == {
        10: "L/R correlation is 0.030 too high"
    }
    assert [hertz(60), hertz(1000), hertz(12500)] == ["60 Hz", "1 kHz", "12.5 kHz"]
