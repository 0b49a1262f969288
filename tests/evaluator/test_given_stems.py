"""Stems of other tools: recognised by their names and scored together with ours."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from evaluator.children import ROOT
from evaluator.given_stems import find_given_stems
from mdx.errors import AudioError
from mdx.systems.spec import SAMPLE_RATE, SOURCES
from tests.evaluator.conftest import Finished
from tests.evaluator.runs import evaluate_stems, read_report, without_timing

SONGS = ["Song", "Song (Live)", "Another - Vocals of Bass", "夏", "a"]


def find(folder: Path, *names: str) -> dict[str, dict[str, list[str]]]:
    """The files that are recognised among these names, by song and source."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    found = find_given_stems(folder, SONGS)
    return {
        song: {
            source: [str(path.relative_to(folder)) for path in paths]
            for source, paths in stems.items()
        }
        for song, stems in found.files.items()
    }


@pytest.mark.parametrize(
    ("name", "song", "source"),
    [
        ("Song/vocals.wav", "Song", "vocals"),
        ("htdemucs/Song/drums.flac", "Song", "drums"),
        ("Song_(Vocals).wav", "Song", "vocals"),
        ("1_Song_(Vocals)_UVR-MDX-NET-Inst_HQ_3.WAV", "Song", "vocals"),
        ("Song_(Bass)_vocals_mel_band_roformer.wav", "Song", "bass"),
        ("Song (Live)_(Other)_model.wav", "Song (Live)", "other"),
        ("song (live) - Drums.flac", "Song (Live)", "drums"),
        ("Another - Vocals of Bass_drums.wav", "Another - Vocals of Bass", "drums"),
        ("Song/mixture_(Drum)_htdemucs.wav", "Song", "drums"),
        ("vocals/Song.wav", "Song", "vocals"),
        ("夏_bass_02.wav", "夏", "bass"),
        ("a/voice.wav", "a", "vocals"),
        ("a/vocals (1).wav", "a", "vocals"),
        ("Song_(Drums)_model (2).wav", "Song", "drums"),
        ("a/01 Other.wav", "a", "other"),
    ],
)
def test_names_of_many_tools(tmp_path: Path, name: str, song: str, source: str) -> None:
    assert find(tmp_path, name) == {song: {source: [name]}}


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("Song_(Instrumental).wav", "instrumental"),
        ("Song_(Instrumental)_vocals_mel_band_roformer.wav", "instrumental"),
        ("Song_(Vocals)_x_(Instrumental)_y.wav", "instrumental"),
        ("Song/no_vocals.wav", "no vocals"),
        ("Song/accompaniment.flac", "accompaniment"),
        ("Song/vocals and bass.wav", "vocals and bass"),
        ("Song_(Lead Vocals).wav", "lead vocals"),
    ],
)
def test_files_that_are_not_stems_are_reported_and_not_scored(
    tmp_path: Path, name: str, stem: str
) -> None:
    assert find(tmp_path, name, "Song/mixture.wav") == {}
    (warning,) = find_given_stems(tmp_path, SONGS).warnings
    assert f"got 1 file of the stem '{stem}', which is unknown; not scored: {name}" in warning


def test_files_of_no_song_are_reported_in_one_line(tmp_path: Path) -> None:
    find(tmp_path, "a/bass.wav", ".hidden.wav", "notes.txt", *(f"x{n}/bass.wav" for n in range(5)))
    (warning,) = find_given_stems(tmp_path, SONGS).warnings
    assert "got 5 files of no song of the test set" in warning and "and 2 more" in warning


@pytest.mark.parametrize("name", ["nosuch", "empty"])
def test_a_folder_without_audio(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(AudioError, match=rf"{name}: got no audio file, expected stems as \.wav"):
        find_given_stems(tmp_path / name, SONGS)


@pytest.fixture
def theirs(test_set: Path, tmp_path: Path) -> Path:
    """Stems of the songs, named as by another tool."""
    return write_theirs(test_set, tmp_path)


def write_theirs(test_set: Path, root: Path) -> Path:
    """Write perfect stems: FLAC for the first song; vocals and the rest, in WAV, for the second."""
    folder = root / "their tool"
    (folder / "song 1").mkdir(parents=True)
    for source in SOURCES:
        audio, rate = sf.read(test_set / "song 1" / f"{source}.wav")
        sf.write(folder / "song 1" / f"{source}.flac", audio, rate)
    for name, source in (("Vocals", "vocals"), ("Instrumental", "other")):
        shutil.copy(test_set / "song 2" / f"{source}.wav", folder / f"song 2_({name}).wav")
    return folder


def test_other_tools_stems_are_in_the_same_report_as_ours(
    finished: Finished, tiny_system: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    songs, out = finished
    theirs = write_theirs(songs, tmp_path)
    options = ("--resume", "--system", tiny_system, "--excerpt", 0.2)
    assert evaluate_stems(songs, theirs, out, *options) == 0
    report = read_report(out)
    ours, given = report["systems"]
    assert (ours["system"], given["system"]) == ("tiny", "their tool")
    assert given["marks"] == ["made elsewhere"] and given["weights"] == {}
    first, second = given["songs"]
    assert all(first["sdr"][source] > 80 for source in SOURCES)
    assert second["sdr"]["vocals"] > 80
    assert [second["sdr"][column] for column in ("song", "bass", "drums", "other")] == [None] * 4
    assert given["mean"]["sdr"]["vocals"] > 80  # the only stem that all songs have
    assert given["mean"]["sdr"]["song"] is given["mean"]["sdr"]["bass"] is None
    (timing,) = (it for it in report["timing"]["systems"] if it["system"] == "their tool")
    assert timing["songs"] == [] and timing["limit"] is None
    printed = capsys.readouterr()
    assert "the stem 'instrumental', which is unknown" in printed.err
    assert "their tool (made elsewhere): global SDR in dB; not timed" in printed.out
    page = (out / "report.html").read_text(encoding="utf-8")
    assert page.count("Trained on: ") == page.count("Weights of ") == 1  # ours
    # Of each song: mixture and true stems, ours, and theirs.
    assert page.count("<audio") == (5 + 4 + 4) + (5 + 4 + 1)
    scores = out / "scores" / "their tool" / "test" / "song 2.json"
    assert '"vocals"' in scores.read_text() and '"bass"' not in scores.read_text()


def test_only_what_changed_is_scored_again(test_set: Path, theirs: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert evaluate_stems(test_set, theirs, out) == 0
    assert [entry["system"] for entry in read_report(out)["systems"]] == ["their tool"]
    before = without_timing(out)
    record = out / "records" / "their tool" / "song 1.json"
    key = record.read_text()
    assert evaluate_stems(test_set, theirs, out, "--resume") == 0
    assert without_timing(out) == before and record.read_text() == key
    path = theirs / "song 1" / "bass.flac"
    sf.write(path, sf.read(path)[0] / 2, SAMPLE_RATE)
    assert evaluate_stems(test_set, theirs, out, "--resume") == 0
    first = read_report(out)["systems"][0]["songs"][0]
    assert first["sdr"]["bass"] == pytest.approx(6.02, abs=0.01)


def test_a_stem_that_cannot_be_scored_fails_only_its_song(
    test_set: Path, theirs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = theirs / "song 1" / "bass.flac"
    shutil.copy(path, theirs / "song 1" / "01_bass.flac")
    assert evaluate_stems(test_set, theirs, tmp_path / "out") == 1
    first, second = read_report(tmp_path / "out")["systems"][0]["songs"]
    assert "got a second file for bass, beside 01_bass.flac" in first["error"]
    assert second["state"] == "scored"
    (theirs / "song 1" / "01_bass.flac").unlink()
    sf.write(path, sf.read(path)[0][:-1], SAMPLE_RATE)
    assert evaluate_stems(test_set, theirs, tmp_path / "out") == 1
    first, _ = read_report(tmp_path / "out")["systems"][0]["songs"]
    assert first["error"].startswith(f"{path}: got 44199 samples, expected a stem to be scored")
    shutil.rmtree(theirs / "song 1")
    assert evaluate_stems(test_set, theirs, tmp_path / "out") == 1
    first, _ = read_report(tmp_path / "out")["systems"][0]["songs"]
    assert first["error"].startswith("their tool: song 1: got no stem,")


def test_a_folder_cannot_take_the_name_of_another_entry(
    test_set: Path, theirs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate_stems(test_set, theirs, tmp_path / "out", "--stems", theirs) == 1
    assert "the name 'their tool' twice" in capsys.readouterr().err
    theirs.rename(tmp_path / "ScaledMixture")
    assert evaluate_stems(test_set, tmp_path / "ScaledMixture", tmp_path / "out") == 1
    assert "the name 'ScaledMixture' twice" in capsys.readouterr().err


@pytest.mark.parametrize("value", [np.nan, -np.inf, 1e20])
@pytest.mark.parametrize("where", ["mixture", "reference", "stem"])
def test_invalid_samples_are_an_error_of_their_song(
    test_set: Path, theirs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    where: str, value: float,
) -> None:  # fmt: skip
    path = {
        "mixture": test_set / "song 2" / "mixture.wav",
        "reference": test_set / "song 2" / "vocals.wav",
        "stem": theirs / "song 2_(Vocals).wav",
    }[where]
    audio, rate = sf.read(path)
    audio[100, 1] = value
    sf.write(path, audio, rate, subtype="FLOAT")
    assert evaluate_stems(test_set, theirs, tmp_path / "out") == 1
    error = capsys.readouterr().err
    assert f"error: {path}: got " in error and "Traceback" not in error
    report = read_report(tmp_path / "out")
    first, second = report["systems"][0]["songs"]
    assert (first["state"], second["state"]) == ("scored", "failed")
    baseline = [row["state"] for row in report["baseline"]["songs"]]
    assert baseline == ["scored", "scored" if where == "stem" else "failed"]


@pytest.mark.skipif(os.name == "nt", reason="names of other systems")
def test_a_song_whose_name_is_not_utf_8_is_like_any_other(test_set: Path, tmp_path: Path) -> None:
    shutil.rmtree(test_set / "song 2")
    name = os.fsdecode(b"mod\xe0, 1")
    try:
        (test_set / "song 1").rename(test_set / name)
    except OSError:
        pytest.skip("a file system that has no such names")
    shutil.copytree(test_set, tmp_path / "theirs")
    command = [sys.executable, str(ROOT / "evaluator" / "run.py"), "--songs", str(test_set)]
    command += ["--stems", str(tmp_path / "theirs"), "--out", str(tmp_path / "out")]
    child = subprocess.run(command, capture_output=True, check=False)
    assert child.returncode == 0, child.stderr
    assert b"mod\\udce0, 1" in child.stdout and b"To look at and listen to" in child.stdout
    (row,) = read_report(tmp_path / "out")["systems"][0]["songs"]
    assert row["song"] == name and row["sdr"]["song"] > 80
