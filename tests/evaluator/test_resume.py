"""Killed and interrupted runs, and which songs are repeated when they are resumed."""

import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile as sf

from evaluator.children import ROOT
from evaluator.fingerprints import separation_code
from mdx.systems.find import find_system
from mdx.systems.spec import SystemSpec
from tests.evaluator.conftest import Finished
from tests.evaluator.runs import evaluate, processes_of, read_report, without_timing
from tests.tiny import edit_system

pytestmark = pytest.mark.usefixtures("no_grading")

# One thread per song, as in evaluations in this process, so that sums have the same order.
RUN = """
import sys
from evaluator import evaluation, run
evaluation.available_cpus = lambda: 1
sys.exit(run.main(sys.argv[1:]))
"""


def start(songs: Path, system: Path, out: Path, *options: str) -> "subprocess.Popen[str]":
    """Run the evaluator in a separate process."""
    command = [sys.executable, "-c", RUN, "--songs", str(songs), "--system", str(system)]
    return subprocess.Popen(
        [*command, "--out", str(out), *options], cwd=ROOT, text=True, stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )  # fmt: skip


def wait_for_record(out: Path) -> None:
    """Wait until the first song of a run is finished."""
    records = out / "records" / "tiny"
    for _ in range(600):
        if any('"sdr"' in path.read_text() for path in records.glob("song*.json")):
            return
        time.sleep(0.05)
    raise AssertionError("no song was finished")


@pytest.fixture
def long_set(test_set: Path) -> Path:
    """Three songs."""
    shutil.copytree(test_set / "song 1", test_set / "song 3")
    audio, rate = sf.read(test_set / "song 3" / "mixture.wav")
    sf.write(test_set / "song 3" / "mixture.wav", np.roll(audio, 3, 0), rate)
    return test_set


@pytest.mark.skipif(not Path("/proc").exists(), reason="looks for processes in /proc")
def test_a_killed_run_resumes_to_the_same_report_and_leaves_no_process(
    finished: Finished, tiny_system: Path, tmp_path: Path
) -> None:
    (test_set, whole), broken = finished, tmp_path / "broken"
    rng = np.random.default_rng(3)
    for moment in (*rng.uniform(0.3, 2.0, 2), None):
        child = start(test_set, tiny_system, broken, "--resume")
        if moment is None:  # the other song is in progress by now
            wait_for_record(broken)
        else:
            time.sleep(moment)
        os.kill(child.pid, signal.SIGKILL)
        child.communicate()
    deadline = time.monotonic() + 10
    while processes_of(broken) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not processes_of(broken)
    assert evaluate(test_set, tiny_system, broken, "--resume") == 0
    assert without_timing(broken) == without_timing(whole)
    texts = []
    for out in (whole, broken):
        text = (out / "report.json").read_text()
        texts.append(text[: text.index('\n "timing"')])
    assert texts[0] == texts[1]


def test_ctrl_c_leaves_a_valid_report_and_resume_finishes_it(
    long_set: Path, tiny_system: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    child = start(long_set, tiny_system, out)
    wait_for_record(out)
    # Shells start background jobs, and all they start in turn, with SIGINT ignored.
    ignored = signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    os.kill(child.pid, signal.SIGTERM if ignored else signal.SIGINT)
    _, error = child.communicate(timeout=30)
    assert child.returncode == 130 and "--resume continues" in error
    report = read_report(out)
    states = [row["state"] for row in report["systems"][0]["songs"]]
    assert "pending" in states and "scored" in states and not report["complete"]
    assert not list(out.rglob("*.part"))
    finished = [n for n, state in enumerate(states, 1) if state == "scored"]
    times = {n: (out / "stems" / "tiny" / f"song {n}" / "bass.wav").stat().st_mtime_ns
             for n in finished}  # fmt: skip
    assert evaluate(long_set, tiny_system, out, "--resume") == 0
    assert read_report(out)["complete"]
    for n, modified in times.items():  # finished songs were not repeated
        assert (out / "stems" / "tiny" / f"song {n}" / "bass.wav").stat().st_mtime_ns == modified


def separated_again(out: Path, run: Any) -> set[str]:
    """The songs whose stems `run` wrote again."""
    paths = sorted((out / "stems" / "tiny").glob("*/bass.wav"))
    before = {path: path.stat().st_mtime_ns for path in paths}
    assert run() == 0
    return {path.parent.name for path in paths if path.stat().st_mtime_ns != before[path]}


def test_resume_repeats_exactly_what_would_change(finished: Finished, tiny_system: Path) -> None:
    test_set, out = finished

    def again(*options: object) -> Any:
        return lambda: evaluate(test_set, tiny_system, out, "--resume", *options)

    before = without_timing(out)
    assert separated_again(out, again()) == set()
    path = test_set / "song 1" / "bass.wav"  # a reference: scored again, not separated
    audio, rate = sf.read(path)
    sf.write(path, audio / 2, rate)
    assert separated_again(out, again()) == set()
    scores = [row["sdr"]["bass"] for row in without_timing(out)["systems"][0]["songs"]]
    old = [row["sdr"]["bass"] for row in before["systems"][0]["songs"]]
    assert scores[0] != old[0] and scores[1] == old[1]
    path = test_set / "song 1" / "mixture.wav"
    audio, rate = sf.read(path)
    sf.write(path, audio / 2, rate)
    assert separated_again(out, again()) == {"song 1"}
    (out / "stems" / "tiny" / "song 2" / "vocals.wav").write_bytes(b"damaged")
    assert separated_again(out, again()) == {"song 2"}
    assert separated_again(out, again("--float")) == {"song 1", "song 2"}
    record = out / "records" / "tiny" / "song 1.json"
    record.write_text("{half")
    assert separated_again(out, again("--float")) == {"song 1"}


@dataclass(frozen=True)
class NewSpec(SystemSpec):
    """A system with an additional field."""

    shimmer: float = 0.0


def test_resume_notices_every_change_that_affects_stems(
    finished: Finished, tiny_copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (test_set, out), code = finished, tmp_path / "code"
    for folder in (test_set, out / "stems" / "tiny"):
        shutil.rmtree(folder / "song 2")
    for name in ("mdx", "evaluator"):
        shutil.copytree(ROOT / name, code / name)
    shutil.copy(ROOT / "predict.py", code)
    for module in ("evaluation", "jobs"):
        monkeypatch.setattr(f"evaluator.{module}.separation_code", lambda: separation_code(code))

    def again() -> set[str]:
        return separated_again(out, lambda: evaluate(test_set, tiny_copy, out, "--resume"))

    def new_find_system(given: str) -> tuple[SystemSpec, Path]:
        spec, folder = find_system(given)
        values = {field.name: getattr(spec, field.name) for field in fields(spec)}
        return NewSpec(**values), folder

    text = tiny_copy.read_text()
    tiny_copy.write_text(text.replace("random networks for tests", "other words"))
    assert again() == set() and read_report(out)["systems"][0]["description"] == "other words"
    edit_system(tiny_copy, {"combine": []})
    assert again() == {"song 1"}
    (code / "mdx" / "new room").mkdir()
    (code / "mdx" / "new room" / "table.yaml").write_text("a: 1")
    assert again() == {"song 1"} and again() == set()
    monkeypatch.setattr("evaluator.systems.find_system", new_find_system)
    assert again() == {"song 1"} and again() == set()
    monkeypatch.setenv("MDX_SHIMMER", "1")  # what the submission may read
    assert again() == {"song 1"} and again() == set()


def test_a_failed_song_is_tried_again(
    test_set: Path, tiny_system: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INFERENCE_PER_MUSIC_TIMEOUT_SECONDS", "0")
    assert evaluate(test_set, tiny_system, tmp_path / "out") == 1
    monkeypatch.delenv("INFERENCE_PER_MUSIC_TIMEOUT_SECONDS")
    assert evaluate(test_set, tiny_system, tmp_path / "out", "--resume") == 0
