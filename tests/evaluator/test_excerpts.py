"""The audio excerpts and pictures of a song in the report."""

import base64
import io
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from evaluator.excerpts import cut_excerpt, mp3_uri
from evaluator.spectrograms import EDGES, spectrogram
from mdx.systems.spec import SAMPLE_RATE
from tests.tiny import noise


def test_the_excerpt_is_the_loudest_part(tmp_path: Path) -> None:
    audio = noise(3 * SAMPLE_RATE) / 10
    audio[:, 50_000:94_100] *= 9
    sf.write(tmp_path / "mixture.wav", audio.T, SAMPLE_RATE, subtype="FLOAT")
    sf.write(tmp_path / "bass.wav", audio.T, SAMPLE_RATE, subtype="FLOAT")
    sf.write(tmp_path / "drums.wav", audio[:, :60_000].T, SAMPLE_RATE)
    excerpt = cut_excerpt(tmp_path, {}, 1.0)
    assert excerpt is not None and excerpt.seconds == 1.0
    assert excerpt.start == pytest.approx(50_000 / SAMPLE_RATE, abs=1e-3)
    assert [clip.source for clip in excerpt.clips] == ["mixture", "bass"]
    np.testing.assert_array_equal(excerpt.clips[0].audio, excerpt.clips[1].audio)
    whole = cut_excerpt(tmp_path, {}, 60.0)
    assert whole is not None and (whole.start, whole.seconds) == (0.0, 3.0)


@pytest.mark.parametrize("samples", [1, 1000, 44_100, 400_000])
def test_a_tone_lies_in_its_band(samples: int) -> None:
    time = np.arange(samples) / SAMPLE_RATE
    tone = np.stack([np.sin(2 * np.pi * 1000 * time)] * 2).astype(np.float32)
    tone[:, : samples // 2] = 0
    power = spectrogram(tone, SAMPLE_RATE)
    assert power.shape[0] == len(EDGES) - 1 and power.shape[1] <= 200 and (power >= 0).all()
    if samples >= 44_100:
        row, column = np.unravel_index(np.argmax(power), power.shape)
        assert EDGES[row - 1] < 1000 < EDGES[row + 2]
        assert column > power.shape[1] / 2 and power[:, : power.shape[1] // 3].max() < 1e-6


def test_mp3_of_the_same_length() -> None:
    kind, _, data = mp3_uri(noise(SAMPLE_RATE), SAMPLE_RATE).partition(",")
    assert kind == "data:audio/mpeg;base64" and len(data) < 30_000
    audio, rate = sf.read(io.BytesIO(base64.b64decode(data)))
    assert rate == SAMPLE_RATE and audio.shape == (SAMPLE_RATE, 2)


def test_excerpts_without_audio_are_missing(tmp_path: Path) -> None:
    audio = noise(SAMPLE_RATE).T
    sf.write(tmp_path / "mixture.wav", audio, SAMPLE_RATE)
    sf.write(tmp_path / "bass.wav", audio[:, 0], SAMPLE_RATE)
    sf.write(tmp_path / "drums.wav", np.full_like(audio, np.nan), SAMPLE_RATE, subtype="FLOAT")
    sf.write(tmp_path / "other.wav", audio, 48000)
    excerpt = cut_excerpt(tmp_path, {"nosuch": {"bass": tmp_path / "nosuch.wav"}}, 0.5)
    assert excerpt is not None and excerpt.missing == ("nosuch", None)
    assert [clip.source for clip in excerpt.clips] == ["mixture", "bass"]
    assert excerpt.clips[1].audio.shape == (2, SAMPLE_RATE // 2)
    (tmp_path / "mixture.wav").write_bytes(b"no audio")
    assert cut_excerpt(tmp_path, {}, 0.5) is None
