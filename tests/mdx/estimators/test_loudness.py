"""Chunks that are brought to one loudness: stems follow the mixture, whatever the network does."""

from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from mdx.errors import ConfigError, NetworkError
from mdx.estimators.spectrogram import QUIETEST, loudness_of
from mdx.separator import Separator
from mdx.systems.spec import SAMPLE_RATE, SOURCES
from tests.tiny import edit_system, noise

LOUDNESS = 3.0


@pytest.fixture
def levelled(tiny_copy: Path) -> Path:
    """The tiny system, whose networks are not linear, at one loudness."""
    edit_system(tiny_copy, **{source: {"loudness": LOUDNESS} for source in SOURCES})
    return tiny_copy


def stems_of(system: Path, gain: float) -> np.ndarray:
    """The stems of noise at a gain, relative to it. Shape: (stems, 2, n)."""
    stems = Separator.load(system, threads=1).separate(np.float32(gain) * noise(9_000), SAMPLE_RATE)
    return np.stack([stems[source] for source in SOURCES]) / gain


def test_stems_are_as_loud_as_their_mixture(levelled: Path, tiny_system: Path) -> None:
    expected = stems_of(levelled, 1.0)
    peak = np.abs(expected).max()
    for gain in (0.05, 0.5, 20.0):
        assert np.abs(stems_of(levelled, gain) - expected).max() < 1e-4 * peak
    # Without it, these networks answer differently.
    plain = stems_of(tiny_system, 1.0)
    assert np.abs(stems_of(tiny_system, 0.05) - plain).max() > 0.01 * np.abs(plain).max()


def test_dither_and_silence_stay_as_faint_as_they_are(levelled: Path, tiny_system: Path) -> None:
    faint = QUIETEST / 1e3
    quiet = stems_of(levelled, faint)
    # As far below as this, the input of a network is raised by 1 / QUIETEST and no more.
    peak = np.abs(quiet).max()
    assert np.abs(quiet - stems_of(tiny_system, faint / QUIETEST)).max() < 1e-3 * peak
    assert np.isfinite(
        Separator.load(levelled).separate(0 * noise(9_000), SAMPLE_RATE)["bass"]
    ).all()


def test_silence_beside_the_music_does_not_count() -> None:
    music = np.random.default_rng(0).standard_normal((4, 30, 20)).astype(np.float32)
    padded = np.pad(music, ((0, 0), (0, 0), (50, 50)))
    assert loudness_of(padded) == pytest.approx(loudness_of(music))
    assert loudness_of(np.full((4, 30, 20), 2, np.float32)) == pytest.approx(2)
    power = (music.astype(float) ** 2).mean(axis=(0, 1))
    assert loudness_of(music) == pytest.approx(((power**2).sum() / power.sum()) ** 0.5)
    assert loudness_of(0 * music) == 0


@pytest.mark.parametrize("loudness", [0, -1.0, float("inf"), float("nan")])
def test_an_impossible_loudness_is_refused(tiny_copy: Path, loudness: float) -> None:
    edit_system(tiny_copy, bass={"loudness": loudness})
    with pytest.raises(ConfigError, match=r"loudness: got .*, expected a number above 0"):
        Separator.load(tiny_copy)


@pytest.mark.filterwarnings("error")
def test_samples_that_overflow_are_an_error(levelled: Path, tmp_path: Path) -> None:
    sf.write(tmp_path / "huge.wav", noise(5000).T * 1e38, SAMPLE_RATE, subtype="FLOAT")
    with pytest.raises(NetworkError, match="NaN or infinity"):
        Separator.load(levelled, threads=1).separate_file(tmp_path / "huge.wav", tmp_path / "out")
