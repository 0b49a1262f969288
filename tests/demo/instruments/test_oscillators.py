"""Wavetables in tune and without aliasing; modes equal to their sines."""

import numpy as np
import pytest
from scipy import signal

from demo.dsp import SAMPLE_RATE
from demo.instruments.oscillators import (
    HARMONICS,
    burst,
    drift,
    modes,
    saw_pulse,
    wavetable,
)
from tests.demo.instruments.listening import bright, power_near

N = SAMPLE_RATE
TIME = np.arange(N) / SAMPLE_RATE


@pytest.mark.parametrize("hertz", [110.0, 523.3, 1567.9])
def test_the_brightest_wave_has_nothing_between_its_harmonics(hertz: float) -> None:
    table = wavetable(saw_pulse(0.5, 0.2), ceiling=12.8, slope=1.5)
    wave = table.play(hertz * TIME, np.array(hertz), np.full(N, 14.0))
    power = np.abs(np.fft.rfft(wave * signal.windows.blackmanharris(N))) ** 2
    away = np.abs(np.arange(len(power)) / hertz % 1.0 - 0.5) < 0.5 - 8 / hertz
    assert 10 * np.log10(power[away].sum() / power.sum()) < -75
    assert power_near(wave, hertz, 20) > 0.4


def test_the_cutoff_follows_its_curve() -> None:
    table = wavetable(saw_pulse(0.0, 0.5), ceiling=12.0, slope=2.0)
    wave = table.play(220 * TIME, np.array(220.0), np.linspace(12.0, 8.0, N))
    levels = [bright(part, 2000.0) for part in np.split(wave, 3)]
    assert levels[0] > levels[1] + 5 > levels[2] + 15


def test_a_note_far_above_its_cutoff_still_sounds() -> None:
    table = wavetable(saw_pulse(0.0, 0.5), ceiling=12.8)
    wave = table.play(2000 * TIME, np.array(2000.0), np.full(N, 8.0))
    assert wave.std() > 1e-3 and power_near(wave, 2000.0) > 0.99


def test_saw_and_square() -> None:
    saw, square = saw_pulse(0.0, 0.5), saw_pulse(1.0, 0.5)
    assert len(saw) == HARMONICS
    np.testing.assert_allclose(saw[1] / saw[0], 0.5)
    np.testing.assert_allclose(square[1::2], 0.0, atol=1e-12)


def test_modes_are_the_sum_of_their_sines() -> None:
    rng = np.random.default_rng(0)
    hertz, t60 = rng.uniform(60, 5000, 20), rng.uniform(0.3, 4, 20)
    amplitudes = rng.standard_normal((2, 20)) + 1j * rng.standard_normal((2, 20))
    out = modes(hertz, t60, amplitudes, 10_001)
    t = np.arange(10_001) / SAMPLE_RATE
    sines = np.sin(2 * np.pi * hertz * t[:, None] + np.angle(amplitudes)[:, None, :])
    expected = np.sum(np.abs(amplitudes)[:, None, :] * 10 ** (-3 * t[:, None] / t60) * sines, -1)
    np.testing.assert_allclose(out, expected, atol=1e-4)  # float32 products


def test_burst_and_drift() -> None:
    rng = np.random.default_rng(0)
    noise = burst(rng, N, 0.1)
    assert noise[:400].std() > 0.5 and noise[int(0.05 * N) :].std() < 0.05
    assert not noise[int(0.2 * N) :].any()
    curve = drift(rng, 20 * N, 0.1)
    assert 0.5 < curve.std() < 1.1 and np.abs(np.diff(curve)).max() < 0.01
