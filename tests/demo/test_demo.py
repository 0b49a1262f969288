"""`python -m demo`: the files that it writes, reproducibly and whole, and its errors."""

import errno
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from demo.__main__ import main
from demo.dsp import SAMPLE_RATE
from demo.errors import DemoError
from demo.render import Request
from demo.score import STEMS
from demo.write import write_songs

ROOT = Path(__file__).resolve().parents[2]


def requests(
    *, train: int = 0, test: int = 0, seconds: float = 2.0, seed: int = 5
) -> list[Request]:
    counts = (("train", train), ("test", test))
    return [Request(split, i, seconds, seed) for split, count in counts for i in range(count)]


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


def test_second_run_rewrites_nothing_but_what_is_incomplete(tmp_path: Path) -> None:
    first, second = write_songs(tmp_path, requests(train=2))
    kept = {path: path.stat().st_mtime_ns for path in first.iterdir()}
    (second / "bass.wav").unlink()
    assert list(write_songs(tmp_path, requests(train=2))) == [first, second]
    assert {path: path.stat().st_mtime_ns for path in first.iterdir()} == kept
    assert (second / "bass.wav").is_file()


@pytest.mark.parametrize("cut", [0, 1000])
def test_a_song_with_a_torn_stem_is_made_again(tmp_path: Path, cut: int) -> None:
    (track,) = write_songs(tmp_path, requests(test=1))
    whole = (track / "bass.wav").read_bytes()
    (track / "bass.wav").write_bytes(whole[:cut])
    assert list(write_songs(tmp_path, requests(test=1))) == [track]
    assert (track / "bass.wav").read_bytes() == whole


@pytest.mark.parametrize("change", ["seed", "seconds", "version", "torn", "no mapping"])
def test_a_song_of_another_request_is_replaced(tmp_path: Path, change: str) -> None:
    (track,) = write_songs(tmp_path, requests(train=1))
    facts = json.loads((track / "song.json").read_text())
    broken = {"torn": "{", "no mapping": "[]"}.get(change)
    (track / "song.json").write_text(broken or json.dumps(facts | {change: 99}))
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


def test_a_process_that_is_killed_ends_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("mdx.processes._settle_in", os.abort)
    assert main(["--out", str(tmp_path), "--test", "3", "--seconds", "2", "--jobs", "2"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: songs: got a process that was killed") and "--jobs" in line
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_keeps_only_whole_songs_and_continues(
    tmp_path: Path, how: signal.Signals
) -> None:
    command = [sys.executable, "-m", "demo", "--out", str(tmp_path), "--test", "50",
               "--seconds", "2", "--jobs", "2"]  # fmt: skip
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None and child.stderr is not None
        assert "test-1-000" in child.stdout.readline()
        time.sleep(0.5)  # in the middle of others
        child.send_signal(how)
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


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [(["--seconds", "1"], 1, "error: seconds: got 1, expected 2 to 600"),
     (["--train", "-1"], 1, "error: --train, --test: got -1, 4 songs, expected 0 or more"),
     (["--seed", "-3"], 1, "error: seed and number of a song: got -3, expected 0 or more"),
     (["--jobs", "0"], 1, "error: --jobs: got 0, expected 1 or more"),
     (["--soundfont", "missing.sf2"], 1, "error: missing.sf2: got no"),
     (["--test", "two"], 2, "python -m demo: error: argument --test: invalid int value: 'two'"),
     (["--loud"], 2, "python -m demo: error: unrecognized arguments: --loud")],
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


def test_without_threadpoolctl(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "threadpoolctl", None)
    with pytest.raises(DemoError, match=r"no threadpoolctl, .*; pip install .*\.\[demo\]'"):
        list(write_songs(tmp_path / "out", [Request("train", 0, seconds=3.0, seed=1)]))
    assert not [*(tmp_path / "out").iterdir()]
