"""Whole songs: reproducible, exact and valid in every genre; splits are disjoint."""

import errno
import json
import os
import signal
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from demo.__main__ import main
from demo.composer.genres import GENRES
from demo.composer.progressions import PROGRESSIONS
from demo.dsp import SAMPLE_RATE
from demo.errors import DemoError
from demo.mixing import Stems
from demo.render import Request, render_song
from demo.score import STEMS
from demo.singer.languages import LANGUAGES
from demo.splits import BANDS
from demo.write import write_songs

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 4.0
Song = tuple[Stems, dict[str, Any]]


def requests(
    *, train: int = 0, test: int = 0, seconds: float = 2.0, seed: int = 5
) -> list[Request]:
    counts = (("train", train), ("test", test))
    return [Request(split, i, seconds, seed) for split, count in counts for i in range(count)]


@pytest.fixture(scope="module")
def songs() -> dict[tuple[str, str], Song]:
    """One song of every genre, alternately from either split."""
    return {
        (genre, split): render_song(Request(split, index, SECONDS, 5, genre=genre))
        for index, genre in enumerate(GENRES)
        for split in (("train", "test")[index % 2],)
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A written demo of one training and one test song."""
    out = tmp_path_factory.mktemp("demo")
    assert len(list(write_songs(out, requests(train=1, test=1)))) == 2
    return out


def test_layout_and_format(folder: Path) -> None:
    names = {"mixture.wav", "song.json", *(f"{stem}.wav" for stem in STEMS)}
    for track in (folder / "train" / "train-5-000", folder / "test" / "test-5-000"):
        assert {path.name for path in track.iterdir()} == names
        for path in track.glob("*.wav"):
            info = soundfile.info(path)
            assert (info.samplerate, info.channels, info.subtype) == (SAMPLE_RATE, 2, "PCM_16")
            assert info.frames == 2 * SAMPLE_RATE
    assert {path.name for path in folder.iterdir()} == {"train", "test"}  # no drafts left


def test_mixture_is_the_exact_sum(folder: Path) -> None:
    for track in folder.glob("*/*"):
        audio = {
            path.stem: soundfile.read(path, dtype="int16")[0].astype(int)
            for path in track.glob("*.wav")
        }
        np.testing.assert_array_equal(audio["mixture"], sum(audio[stem] for stem in STEMS))


@pytest.mark.parametrize("jobs", [1, 2])
def test_same_seed_gives_the_same_bytes(folder: Path, tmp_path: Path, jobs: int) -> None:
    written = list(write_songs(tmp_path, requests(train=1, test=1), jobs=jobs))
    assert [path.name for path in written] == ["train-5-000", "test-5-000"]
    for track in written:
        for path in track.iterdir():
            expected = folder / path.relative_to(tmp_path)
            assert path.read_bytes() == expected.read_bytes(), path.name


def test_other_seed_or_index_gives_another_song() -> None:
    first, second, third = (
        render_song(Request("train", index, 2.0, seed))[0]["drums"]
        for index, seed in ((0, 5), (1, 5), (0, 6))
    )
    assert not np.array_equal(first, second) and not np.array_equal(first, third)


def test_second_run_rewrites_nothing_but_what_is_incomplete(tmp_path: Path) -> None:
    first, second = write_songs(tmp_path, requests(train=2))
    kept = {path: path.stat().st_mtime_ns for path in first.iterdir()}
    (second / "bass.wav").unlink()
    assert list(write_songs(tmp_path, requests(train=2))) == [first, second]
    assert {path: path.stat().st_mtime_ns for path in first.iterdir()} == kept
    assert (second / "bass.wav").is_file()


@pytest.mark.parametrize("change", ["seed", "seconds", "version", "torn"])
def test_a_song_of_another_request_is_replaced(tmp_path: Path, change: str) -> None:
    (track,) = write_songs(tmp_path, requests(train=1))
    facts = json.loads((track / "song.json").read_text())
    torn = change == "torn"
    (track / "song.json").write_text("{" if torn else json.dumps(facts | {change: 99}))
    assert list(write_songs(tmp_path, requests(train=1))) == [track]
    assert json.loads((track / "song.json").read_text()) == facts
    assert [path.name for path in tmp_path.iterdir()] == ["train"]


@pytest.mark.parametrize(
    "fault", [soundfile.LibsndfileError(2), OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))]
)
def test_a_full_disk_keeps_complete_songs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    fault: Exception,
) -> None:  # fmt: skip
    write, written = soundfile.write, []

    def write_until_full(path: Path, *args: Any, **options: Any) -> None:
        written.append(path)
        if len(written) > 7:  # from the second file of the second song on
            raise fault
        write(path, *args, **options)

    monkeypatch.setattr("demo.write.soundfile.write", write_until_full)
    command = ["--out", str(tmp_path), "--test", "2", "--seconds", "2", "--jobs", "1"]
    assert main(command) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"error: {tmp_path}/test/test-1-001: got an output that cannot be ")
    assert str(fault) in said and "run the same command again" in said and said.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["test"]
    (whole,) = (tmp_path / "test").iterdir()
    assert len(list(whole.iterdir())) == 6
    monkeypatch.undo()
    assert main(command) == 0


def test_an_interrupted_run_keeps_only_whole_songs_and_continues(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "demo", "--out", str(tmp_path), "--test", "50",
               "--seconds", "2", "--jobs", "2"]  # fmt: skip
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None and child.stderr is not None
        assert "test-1-000" in child.stdout.readline()
        time.sleep(0.5)  # in the middle of others
        child.send_signal(signal.SIGINT)
        assert child.wait(30) == 130
        said = child.stderr.read()
        assert said.startswith("interrupted: ") and said.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["test"]
    tracks = sorted((tmp_path / "test").iterdir())
    assert 0 < len(tracks) < 50
    assert all(len(list(track.iterdir())) == 6 for track in tracks)
    before = (tracks[0] / "song.json").stat().st_mtime_ns
    again = ["--test", str(len(tracks)), "--seconds", "2", "--jobs", "1"]
    assert main([*command[3:5], *again]) == 0
    assert (tracks[0] / "song.json").stat().st_mtime_ns == before


def test_every_genre_sounds_and_never_clips(songs: dict[tuple[str, str], Song]) -> None:
    assert {genre for genre, _ in songs} == set(GENRES)
    for key, (stems, facts) in songs.items():
        assert facts["genre"] == key[0]
        heard = {stem for section in facts["sections"] for stem in section["active"]}
        for stem, audio in stems.items():
            assert audio.shape == (2, round(SECONDS * SAMPLE_RATE))
            assert (np.abs(audio).max() > 300) == (stem in heard), (key, stem)
        mixture = np.sum([x.astype(int) for x in stems.values()], axis=0)
        assert np.abs(mixture).max() <= 32767, key


def test_a_song_that_lacks_a_stem_keeps_it_silent() -> None:
    for index in range(20):  # about one of ten lacks one
        stems, facts = render_song(Request("train", index, 2.0, 11))
        missing = set(STEMS).difference(*(s["active"] for s in facts["sections"]))
        if missing:
            break
    assert len(missing) == 1
    assert all(audio.any() != (stem in missing) for stem, audio in stems.items())


def test_stereo_is_wide_where_it_should_be(songs: dict[tuple[str, str], Song]) -> None:
    def correlation(stem: str) -> float:
        heard = [stems[stem] for stems, _ in songs.values() if stems[stem].any()]
        return float(np.median([np.corrcoef(audio[0], audio[1])[0, 1] for audio in heard]))

    assert correlation("bass") > 0.95
    assert 0.8 < correlation("drums") < 0.99
    assert correlation("other") < correlation("vocals")


def test_song_json_proves_the_splits_apart(songs: dict[tuple[str, str], Song]) -> None:
    for (_, split), (_, facts) in songs.items():
        other = "test" if split == "train" else "train"
        assert facts["tempo"] % 2 == (split == "test")
        choices, timbre = facts["choices"], facts["timbre"]
        assert choices["language"] in LANGUAGES[split]
        assert choices["language"] not in LANGUAGES[other]
        mode = facts["key"].split()[1]
        assert facts["progression"] not in PROGRESSIONS[mode][other]
        kinds = {name.split(".")[0] for name in timbre}
        assert {"singer", "score", "mix", "other"} <= kinds
        assert all(
            any(a <= drawn["place"] <= b for a, b in BANDS[split]) for drawn in timbre.values()
        )
    gaps = sorted((a, b, split) for split, bands in BANDS.items() for a, b in bands)
    assert all(first[1] < second[0] for first, second in pairwise(gaps))


def test_song_json_contains_the_sung_notes(songs: dict[tuple[str, str], Song]) -> None:
    for stems, facts in songs.values():
        for start, duration, pitch, _ in facts["vocals"]:
            assert start >= 0 and duration > 0 and 30 < pitch < 90
        assert bool(facts["vocals"]) == stems["vocals"].any()


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [(["--seconds", "1"], 1, "error: seconds: got 1, expected 2 to 600"),
     (["--train", "-1"], 1, "error: --train, --test: got -1, 4 songs, expected 0 or more"),
     (["--seed", "-3"], 1, "error: seed and number of a song: got -3, expected 0 or more"),
     (["--jobs", "0"], 1, "error: --jobs: got 0, expected 1 or more"),
     (["--soundfont", "missing.sf2"], 1, "error: missing.sf2: got no"),
     (["--test", "two"], 2, "demo: error: argument --test: invalid int value: 'two'"),
     (["--loud"], 2, "demo: error: unrecognized arguments: --loud")],
)  # fmt: skip
def test_bad_arguments_are_one_line_and_write_nothing(
    arguments: list[str], code: int, message: str, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    with pytest.raises(SystemExit) as exit_info:
        raise SystemExit(main(["--out", str(tmp_path / "new"), "--jobs", "1", *arguments]))
    assert exit_info.value.code == code
    said = capsys.readouterr().err
    assert said.lower().startswith(message.lower()) and said.count("\n") == 1
    assert not list(tmp_path.glob("new/*"))


@pytest.mark.parametrize(
    ("split", "index", "seconds", "seed"),
    [("valid", 0, 4, 1), ("train", -1, 4, 1), ("train", 0, 1, 1), ("train", 0, 4, -1),
     ("train", 0, 601, 1)],
)  # fmt: skip
def test_impossible_requests_are_refused(split: str, index: int, seconds: float, seed: int) -> None:
    with pytest.raises(DemoError, match=r"got '?(valid|-1|1|601)'?, expected "):
        Request(split, index, seconds, seed)


def test_a_missing_espeak_is_an_error_if_requested(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    command = ["--out", str(tmp_path / "new"), "--test", "1", "--seconds", "2", "--jobs", "1"]
    assert main([*command, "--espeak"]) == 1
    said = capsys.readouterr().err
    assert "espeak-ng" in said and said.count("\n") == 1
    assert not list(tmp_path.glob("new/*"))


def test_out_must_not_be_a_file_or_contain_other_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "songs" / "test" / "test-1-000").mkdir(parents=True)
    command = ["--test", "1", "--seconds", "2", "--jobs", "1", "--out"]
    for name in ("file", "songs"):
        assert main([*command, str(tmp_path / name)]) == 1
        assert capsys.readouterr().err.count("\n") == 1


def test_command_line_prints_one_line_per_song(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--out", str(tmp_path), "--test", "2", "--seconds", "2", "--jobs", "1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [Path(line.split(":")[0]).name for line in lines] == ["test-1-000", "test-1-001"]
