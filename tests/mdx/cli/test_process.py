"""Signals: the files and the exit code of a stopped run."""

import os
import signal
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import pytest

from mdx.cli.main import main
from tests.mdx.cli.kit import run, write_long_song, write_song

ROOT = Path(__file__).resolve().parents[3]
pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals are POSIX")


def start(system: Path, song: Path, out: Path, *before: str) -> "subprocess.Popen[str]":
    """Start a run and wait until it writes the stems of a long song."""
    write_long_song(song)
    command: list[str | Path] = [*before, sys.executable, "-m", "mdx", "separate", song]
    child = subprocess.Popen(
        [*command, "-o", out, "--system", system], cwd=ROOT, stderr=subprocess.PIPE, text=True
    )
    while child.poll() is None and not list(out.rglob("*.part")):
        time.sleep(0.01)
    return child


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_leaves_nothing_and_has_its_exit_code(
    tiny_system: Path, tmp_path: Path, name: str
) -> None:
    number = getattr(signal, name)
    with start(tiny_system, tmp_path / "song.wav", tmp_path / "out") as child:
        child.send_signal(number)
        _, error = child.communicate(timeout=60)
    assert child.returncode == 128 + number
    assert error == "interrupted: the unfinished song has no stems\n"
    assert not list((tmp_path / "out").rglob("*"))


def test_leftovers_of_a_killed_run_are_removed_by_the_next(
    tiny_system: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    with start(tiny_system, tmp_path / "long.wav", out) as child:
        child.kill()
        child.communicate(timeout=60)
    assert list(out.rglob("*.part"))
    assert run(tiny_system, write_song(tmp_path / "other.wav"), "-o", out) == 0
    assert [path.name for path in out.iterdir()] == ["other"]
    assert not list(out.rglob("*.part"))


def test_so_are_those_of_one_on_a_cluster(tiny_system: Path, tmp_path: Path) -> None:
    left = tmp_path / "out" / ".cluster-0123456789abcdef"
    left.mkdir(parents=True)
    (left / "lock").touch()
    (left / "bass.wav").touch()
    assert run(tiny_system, write_song(tmp_path / "song.wav"), "-o", tmp_path / "out") == 0
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["song"]


@pytest.mark.skipif(find_spec("distributed") is None, reason="needs distributed")
def test_ctrl_c_is_one_line_although_local_workers_get_it_too(
    tiny_system: Path, tmp_path: Path
) -> None:
    song = tmp_path / "song.wav"
    write_long_song(song)
    command: list[str | Path] = [sys.executable, "-m", "mdx", "separate", song]
    command += ["-o", tmp_path / "out", "--system", tiny_system, "--cluster", "local:2"]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        start_new_session=True,
    ) as child:  # fmt: skip
        while child.poll() is None and not list((tmp_path / "out").glob(".cluster-*")):
            time.sleep(0.01)
        os.killpg(child.pid, signal.SIGINT)
        said, _ = child.communicate(timeout=60)
    assert child.returncode == 130
    assert said == "interrupted: the unfinished song has no stems\n"
    assert not list((tmp_path / "out").iterdir())


def test_a_run_under_nohup_survives_its_terminal(tiny_system: Path, tmp_path: Path) -> None:
    with start(tiny_system, tmp_path / "song.wav", tmp_path / "out", "nohup") as child:
        child.send_signal(signal.SIGHUP)
        time.sleep(0.2)
        assert child.poll() is None
        child.send_signal(signal.SIGTERM)
        child.communicate(timeout=60)
    assert child.returncode == 128 + signal.SIGTERM


def test_handlers_are_put_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    assert main(["systems"]) == 0
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_list_of_songs_as_one_word_is_no_file_name(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["a song\n" * 1000])
    assert "invalid choice" in capsys.readouterr().err


@pytest.mark.parametrize("closed", ["0<&-", "1>&-", "2>&-"])
def test_closed_streams_cost_no_song(tiny_system: Path, tmp_path: Path, closed: str) -> None:
    song, out = write_song(tmp_path / "song.wav"), tmp_path / "out"
    command = [sys.executable, "-m", "mdx", "separate", "--float32", str(song), "-o", str(out),
               "--system", str(tiny_system)]  # fmt: skip
    ended = subprocess.run(
        ["sh", "-c", f'"$@" {closed}', "sh", *command], cwd=ROOT, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout == ("" if closed == "1>&-" else f"{out / 'song'}\n")
    assert len(list((out / "song").iterdir())) == 4
