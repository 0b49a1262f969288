"""Formats of the stems that `mdx separate` writes: depth, length, sums and levels."""

from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from mdx.audio.read import SongReader
from mdx.systems.spec import SOURCES
from tests.mdx.cli.kit import RATE, read, run, write_song

LSB = 2**-15


@pytest.mark.parametrize("depth", [None, "--int24"])
def test_flac_stems_are_the_wav_stems(tiny_system: Path, tmp_path: Path, depth: str | None) -> None:
    song = write_song(tmp_path / "song.wav", 70_000)
    options = [depth] if depth else []
    assert run(tiny_system, song, "-o", tmp_path / "wav", *options) == 0
    assert run(tiny_system, song, "-o", tmp_path / "flac", "--format", "flac", *options) == 0
    for source in SOURCES:
        wav, flac = (tmp_path / kind / "song" / f"{source}.{kind}" for kind in ("wav", "flac"))
        assert sf.info(flac).subtype == sf.info(wav).subtype == ("PCM_24" if depth else "PCM_16")
        np.testing.assert_array_equal(*(sf.read(path, dtype="int32")[0] for path in (wav, flac)))


@pytest.mark.parametrize("rate", [8000, 22050, 44100, 48000, 96000])
@pytest.mark.parametrize("kind", ["mp3", "ogg", "opus"])
def test_lossy_stems_are_as_long_as_the_song(
    tiny_system: Path, tmp_path: Path, kind: str, rate: int
) -> None:
    sf.write(tmp_path / "song.wav", np.random.default_rng(0).normal(0, 0.1, (30_011, 2)), rate)
    options = ("-o", tmp_path, "--format", kind, "--source", "bass")
    assert run(tiny_system, tmp_path / "song.wav", *options) == 0
    with SongReader(tmp_path / "song" / f"bass.{kind}") as stem:
        assert abs(stem.count() / stem.sample_rate - 30_011 / rate) < 0.001


def test_two_stems_add_up_to_the_song(tiny_system: Path, tmp_path: Path) -> None:
    song = write_song(tmp_path / "song.wav", 100_001)
    assert run(tiny_system, song, "-o", tmp_path, "--two-stems", "vocals", "--int24") == 0
    folder = tmp_path / "song"
    assert {path.name for path in folder.iterdir()} == {"vocals.wav", "instrumental.wav"}
    both = read(folder / "vocals.wav") + read(folder / "instrumental.wav")
    loud = np.abs(read(folder / "vocals.wav")).max(axis=0) > 0.99  # where either may be clipped
    loud |= np.abs(read(folder / "instrumental.wav")).max(axis=0) > 0.99
    np.testing.assert_allclose(both[:, ~loud], read(song)[:, ~loud], atol=2 * 2**-23)
    assert run(tiny_system, song, "-o", tmp_path / "2", "--two-stems", "drums") == 0
    assert {p.name for p in (tmp_path / "2" / "song").iterdir()} == {"drums.wav", "no_drums.wav"}


def test_one_gain_for_all_stems_keeps_their_balance(
    tiny_system: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = np.random.default_rng(0)
    sf.write(tmp_path / "song.wav", rng.normal(0, 3, (30_000, 2)), RATE, subtype="FLOAT")
    song = tmp_path / "song.wav"
    assert run(tiny_system, song, "-o", tmp_path / "whole", "--float32") == 0
    assert "clipped" not in capsys.readouterr().err
    assert run(tiny_system, song, "-o", tmp_path / "cut") == 0
    assert "was clipped; --float32 keeps it whole" in capsys.readouterr().err
    assert run(tiny_system, song, "-o", tmp_path / "mp3", "--format", "mp3") == 0
    told = capsys.readouterr().err
    assert "will be clipped where it is played; --rescale" in told and "--float32" not in told
    for kind in ("wav", "flac"):
        assert run(tiny_system, song, "-o", tmp_path / kind, "--rescale", "--format", kind) == 0
        assert capsys.readouterr().err.count("all stems are turned down by") == 1
        peaks = [np.abs(read(tmp_path / kind / "song" / f"{s}.{kind}")).max() for s in SOURCES]
        whole = [np.abs(read(tmp_path / "whole" / "song" / f"{s}.wav")).max() for s in SOURCES]
        np.testing.assert_allclose(peaks, np.array(whole) / max(whole), atol=2 * LSB)
