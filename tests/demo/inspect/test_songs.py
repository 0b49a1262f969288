"""Songs to inspect: their facts and notes, and errors for bad ones."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile as sf

from demo.inspect.__main__ import main
from demo.inspect.songs import Song, spread
from mdx.systems.spec import SAMPLE_RATE
from tests.demo.inspect.kit import facts_of, write_song


def test_songs_are_spread_over_genres() -> None:
    songs = [
        Song(f"{number}", Path(), {"genre": genre} if genre else {})
        for number, genre in enumerate(["funk", "funk", "ballad", "funk", "", "ballad"])
    ]
    assert [song.name for song in spread(songs, 4)] == ["4", "2", "0", "5"]
    assert len(spread(songs, 100)) == 6 and spread(songs, 0) == ()


@pytest.mark.parametrize(
    ("facts", "voices"),
    [
        ({}, None),
        ({"singer": {"doubled": False}}, None),
        ({"vocals": [], "singer": {"sung": "sung"}}, None),
        ({"vocals": [[0, 1, 60, "a"]], "singer": "alto"}, None),
        ({"vocals": [[0, 1, 60, "a"]], "singer": {"sung": "rap"}}, None),
        ({"vocals": [[0, 1, 60, "a"]], "singer": {"voice": "alto"}}, "one voice"),
        ({"vocals": [[0, 1, 60, "a"]], "singer": {"sung": True, "doubled": True}}, "doubled"),
        ({"vocals": [[0, 1, 60, "a"]], "singer": {"doubled": True, "harmony": True}}, "harmony"),
    ],
)
def test_how_a_score_is_sung(facts: dict[str, Any], voices: str | None) -> None:
    assert Song("song", Path(), facts).voices == voices


def test_notes_in_any_order(tmp_path: Path) -> None:
    facts = {"vocals": [[2, 0.5, 60, "b"], [1, 0.5, 57.5, "a"]]}
    notes = Song("song", tmp_path, facts).read_notes()
    assert notes.start.tolist() == [1, 2] and notes.end.tolist() == [1.5, 2.5]
    assert notes.pitch.tolist() == [57.5, 60]


def broken(folder: Path, case: str) -> str:
    """Damage a song; returns the expected error."""
    audio, _ = sf.read(folder / "drums.wav")
    if case == "missing":
        (folder / "vocals.wav").unlink()
        return "no vocals.wav"
    if case == "no audio":
        (folder / "bass.wav").write_bytes(b"RIFF, but no more")
        return "bass.wav: got a damaged file"
    if case == "rate":
        sf.write(folder / "drums.wav", audio, 22050)
        return "2 channels at 22050 Hz"
    if case == "mono":
        sf.write(folder / "drums.wav", audio[:, 0], SAMPLE_RATE)
        return "1 channels at 44100 Hz"
    if case == "length":
        sf.write(folder / "drums.wav", audio[:-5], SAMPLE_RATE)
        return "files of 132295 to 132300 samples"
    if case == "nan":
        sf.write(folder / "drums.wav", np.full_like(audio, np.nan), SAMPLE_RATE, subtype="FLOAT")
        return "NaN"
    if case == "json":
        (folder / "song.json").write_text('{"genre": ')
        return "expected a JSON object"
    if case == "list":
        (folder / "song.json").write_text("[]")
        return "got other JSON"
    facts = facts_of("funk") | {"vocals": [[0.1, 0.5]]}
    (folder / "song.json").write_text(json.dumps(facts))
    return "expected vocals: [[start, duration, pitch, text], ...]"


@pytest.mark.parametrize(
    "case",
    ["missing", "no audio", "rate", "mono", "length", "nan", "json", "list", "notes"],
)
def test_bad_songs_are_one_line(
    case: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    expected = broken(write_song(tmp_path / "train" / "song", facts=facts_of("funk")), case)
    assert main([str(tmp_path)]) == 1
    out, err = capsys.readouterr()
    assert err.startswith("error: ") and err.count("\n") == 1 and expected in err
    assert str(tmp_path / "train" / "song") in err and not out
    assert not (tmp_path / "demo.html").exists()


def test_a_folder_without_songs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for root in (tmp_path, tmp_path / "nosuch"):
        assert main([str(root)]) == 1
        assert "got no song" in capsys.readouterr().err
