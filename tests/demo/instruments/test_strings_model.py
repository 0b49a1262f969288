"""The string has the specified partials and decays."""

from dataclasses import replace

import numpy as np
import pytest

from demo.dsp import SAMPLE_RATE, Audio
from demo.instruments.strings_model import Hand, String, level, perform, vibrate
from demo.score import Note

STRING = String(hz=110.0, t60=3.0, ring=3000.0, stiff=2e-4, pick=0.13, pickup=0.0, cutoff=4000.0)
CENT = 2 ** (1 / 1200) - 1


def peak_hz(x: Audio, near: float) -> float:
    """The frequency of the strongest partial within 3 % of `near`."""
    size = 2**20
    power = np.abs(np.fft.rfft(x * np.hanning(len(x)), size))
    bins = np.fft.rfftfreq(size, 1 / SAMPLE_RATE)
    inside = np.flatnonzero(np.abs(bins / near - 1) < 0.03)
    return float(bins[inside[np.argmax(power[inside])]])


@pytest.mark.parametrize("k", [1, 2, 5, 12])
def test_partials_are_those_of_a_stiff_string(k: int) -> None:
    hard = vibrate(STRING, SAMPLE_RATE)[1]
    expected = k * 110.0 * np.sqrt(1 + STRING.stiff * k * k)
    assert abs(peak_hz(hard, expected) / expected - 1) < 2 * CENT


def test_fundamental_loses_sixty_decibels_in_t60() -> None:
    soft = vibrate(replace(STRING, cutoff=50.0, ring=20000.0), 2 * SAMPLE_RATE)[0]
    early, late = (np.std(soft[int(t * SAMPLE_RATE) :][:8820]) for t in (0.2, 1.7))
    assert 20 * np.log10(early / late) == pytest.approx(30.0, abs=3.0)  # 1.5 s of 3 s


def test_end_of_a_ringing_string_does_not_wrap_to_its_start() -> None:
    whole = vibrate(replace(STRING, t60=30.0), 2 * SAMPLE_RATE)
    short = vibrate(replace(STRING, t60=30.0), SAMPLE_RATE // 2)
    np.testing.assert_allclose(short[:, 100:], whole[:, 100 : short.shape[1]], atol=0.02)


def test_hard_stroke_is_brighter_than_a_soft_one_and_no_louder() -> None:
    soft, hard = vibrate(STRING, SAMPLE_RATE)
    assert np.std(np.diff(hard)) > 1.2 * np.std(np.diff(soft))
    assert np.std(hard[:3000]) == pytest.approx(np.std(soft[:3000]), rel=0.05)


def test_pick_at_half_the_string_silences_even_partials() -> None:
    power = np.abs(np.fft.rfft(vibrate(replace(STRING, pick=0.5), SAMPLE_RATE)[1]))
    assert power[218:224].max() < 0.05 * power[328:334].max()


def test_level_of_silence_is_harmless() -> None:
    assert level(np.zeros(1000)) == 1.0


def test_strokes_of_one_pitch_differ() -> None:
    notes = tuple(Note(0.5 * i, 0.4, 45.0, 0.7) for i in range(4))
    rng = np.random.default_rng(0)
    out = perform(notes, 2 * SAMPLE_RATE, lambda _: STRING, Hand(0.05, 0.0), rng)
    rows = out.reshape(4, -1)
    assert all(np.abs(rows[0] - row).max() > 0.01 * np.abs(rows[0]).max() for row in rows[1:])
