"""Child processes: their output and exit codes, and that none is left running."""

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from evaluator.children import ROOT, Children, Limits
from evaluator.replay import (
    SetupFailed,
    SongFailed,
    Submission,
    separate_song,
)
from evaluator.stop import Stop
from mdx.errors import Cancelled
from mdx.limit.challenge import ROUND_2


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def environment() -> dict[str, str]:
    return dict(os.environ)


def test_a_child_s_exit_code_and_stderr() -> None:
    code = "import sys; print('one', file=sys.stderr); print('é', file=sys.stderr); sys.exit(3)"
    assert Children().run(python(code), environment(), "x") == (3, "one\né\n")


def test_a_stop_ends_the_running_child_and_starts_no_other(tmp_path: Path) -> None:
    stop = Stop.inside(tmp_path)
    children = Children(stop.requested)
    cleaned = tmp_path / "cleaned"
    code = f"""
import pathlib, signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(pathlib.Path({str(cleaned)!r}).touch()))
pathlib.Path({str(tmp_path / "started")!r}).touch()
time.sleep(60)
"""
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(children.run, python(code), environment(), "x")
        while not (tmp_path / "started").exists():
            time.sleep(0.01)
        stop.request()
        with pytest.raises(Cancelled):
            future.result(10)
    assert cleaned.exists()  # SIGTERM came before SIGKILL
    with pytest.raises(Cancelled):
        children.run(python(""), environment(), "x")
    stop.withdraw()
    assert children.run(python(""), environment(), "x")[0] == 0


def test_a_submission_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    # The child's stdin is closed from the start: it must not get as far as its songs.
    code = "import time\n"
    code += "import evaluator.music_demixing as kit\n"
    code += "class Slow(kit.MusicDemixingPredictor):\n"
    code += "    def prediction_setup(self): time.sleep(60)\n"
    code += "Slow().run()"
    env = environment() | {"END_WITH_STDIN": "1", "PYTHONPATH": str(ROOT)}
    child = subprocess.run(python(code), env=env, stdin=subprocess.DEVNULL, check=False, timeout=30)
    assert child.returncode == 1


def test_a_child_that_is_killed_is_a_failed_song(
    test_set: Path, tiny_system: Path, tmp_path: Path
) -> None:
    class Killer(Children):
        def run(
            self, command: list[str], env: dict[str, str], song: str, limits: Limits | None = None
        ) -> tuple[int, str]:
            Path(env["EVENTS_PATH"]).write_text('{"event": "setup_done", "seconds": 0.1}\n')
            return super().run(python("import os; os.kill(os.getpid(), 9)"), env, song, limits)

    submission = Submission(str(tiny_system))
    with pytest.raises(SongFailed, match="song 1: got an end by SIGKILL, expected four stems"):
        separate_song(submission, test_set / "song 1", tmp_path / "out", Killer())


def test_an_unreadable_mixture_is_the_error_whatever_the_limit(
    test_set: Path, tiny_system: Path, tmp_path: Path
) -> None:
    (test_set / "song 1" / "mixture.wav").write_bytes(b"no audio")
    submission = Submission(str(tiny_system), limit=ROUND_2)  # a ratio of an unknown duration
    with pytest.raises(SongFailed, match=r"song 1: got '.*mixture\.wav: got no audio"):
        separate_song(submission, test_set / "song 1", tmp_path / "out", Children())


def test_a_submission_that_does_not_start(test_set: Path, tmp_path: Path) -> None:
    submission = Submission("nosuch")
    with pytest.raises(SetupFailed, match=r"song 1: got 'MDX_SYSTEM: system: got 'nosuch', "):
        separate_song(submission, test_set / "song 1", tmp_path / "out", Children())


def test_threads_are_passed_on(test_set: Path, tiny_system: Path, tmp_path: Path) -> None:
    submission = Submission(str(tiny_system), subtype="FLOAT", threads=2)
    separation = separate_song(submission, test_set / "song 2", tmp_path / "out", Children())
    assert separation.threads == 2 and separation.seconds > 0
    names = {path.name for path in (tmp_path / "out" / "song 2").glob("*.wav")}
    assert names == {"bass.wav", "drums.wav", "other.wav", "vocals.wav"}
