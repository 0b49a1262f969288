"""Outlines and spectrograms of a fixed size."""

import itertools
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from mdx.serve import peaks
from mdx.serve.peaks import COLUMNS, measure_peaks
from mdx.serve.spectra import BANDS, FLOOR, HIGHEST, LOWEST, measure_spectrum

RATE = 44100


@pytest.mark.parametrize("samples", [1, 2, 1999, 2000, 2001, 70_000, 200_003])
def test_an_outline_is_each_column_s_extremes(
    tmp_path: Path, samples: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peaks, "BLOCK", 10_007)  # columns go over its ends
    audio = np.random.default_rng(samples).uniform(-1, 1, (samples, 2))
    sf.write(tmp_path / "a.wav", audio, RATE, subtype="FLOAT")
    found = measure_peaks(tmp_path / "a.wav")
    edges = np.linspace(0, samples, min(COLUMNS, samples) + 1).astype(int)
    parts = [audio[a:b].astype(np.float32) for a, b in itertools.pairwise(edges)]
    expected = [(min(0, part.min()), max(0, part.max())) for part in parts]
    assert np.array_equal(found, np.round(np.array(expected, np.float32) * 127).astype(np.int8))


@pytest.mark.parametrize("seconds", [0.02, 3, 60])
@pytest.mark.parametrize("hertz", [100.0, 1000.0, 12_000.0])
def test_a_sine_is_a_line_at_its_pitch(tmp_path: Path, seconds: float, hertz: float) -> None:
    time = np.arange(int(seconds * RATE)) / RATE
    sf.write(tmp_path / "a.wav", np.sin(2 * np.pi * hertz * time), RATE)
    found = measure_spectrum(tmp_path / "a.wav").astype(float)
    assert found.shape[1] == BANDS and found.shape[0] <= 600
    band = BANDS * np.log(hertz / LOWEST) / np.log(HIGHEST / LOWEST)
    if seconds > 1:
        assert np.abs(found[1:-1].argmax(axis=1) - band).max() <= 1.5
        loudest = FLOOR * (1 - found[1:-1].max() / 255)
        assert -4 < loudest < 0.5  # a band may be narrower than the window's line


def test_silence_is_black(tmp_path: Path) -> None:
    sf.write(tmp_path / "a.wav", np.zeros((RATE, 2)), RATE)
    assert not measure_spectrum(tmp_path / "a.wav").any()
    assert not measure_peaks(tmp_path / "a.wav").any()
