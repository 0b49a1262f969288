"""Running the submission as the grader does: `predict.py` in a child process, files on disk.

Every song gets a process of its own: one that fails or is killed costs no other song, and peak
memory is that song's.
"""

import json
import os
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mdx.errors import Cancelled, MdxError, OutputError

ROOT = Path(__file__).resolve().parent.parent
PATIENCE = 10  # seconds that a child may take to clean up


class SetupFailed(MdxError):
    """A submission that could not load its networks: no song of it can be separated."""


class SongFailed(MdxError):
    """A song that the submission did not separate."""


@dataclass(frozen=True)
class Separation:
    """What one run of the submission over one song took."""

    setup_seconds: float
    seconds: float
    stages: dict[str, float]  # seconds by stage; empty where the submission does not tell
    peak_memory: int | None  # bytes
    threads: int | None
    runtime: str | None
    precision: str | None


@dataclass(frozen=True)
class Submission:
    """The submission with one system, and how it is run."""

    system: str  # a name, or the path of a YAML file
    subtype: str = "PCM_16"
    limit: int | None = None  # seconds a song; None keeps the environment's
    threads: int | None = None
    precision: str = "float32"


class Children:
    """The processes at work, so that all of them can be ended from another thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[str]] = set()
        self._stopped = False

    def run(self, command: list[str], env: dict[str, str], song: str) -> tuple[int, str]:
        """Run a command to its end; returns its exit code and what it said on stderr.

        Raises Cancelled where `stop` was called. The child's stdin is a pipe that ends with this
        process, however this process ends.
        """
        with self._lock:
            if self._stopped:
                raise Cancelled(song)
            child = subprocess.Popen(
                command, cwd=ROOT, env=env, text=True, errors="replace", stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True,
            )  # fmt: skip
            self._running.add(child)
        assert child.stderr and child.stdin
        stderr = child.stderr.read()
        code = child.wait()
        with self._lock:
            self._running.discard(child)
        child.stdin.close()
        child.stderr.close()
        if self._stopped:
            raise Cancelled(song)
        return code, stderr

    def stop(self) -> None:
        """End all processes, and start none any more."""
        with self._lock:
            self._stopped = True
            running = list(self._running)
        for child in running:
            child.terminate()
        for child in running:
            try:
                child.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                child.kill()


def separate_song(
    submission: Submission, song: Path, results: Path, children: Children
) -> Separation:
    """Run the submission over one song (`<song>/mixture.wav`), into `results/<name>/`.

    Raises SongFailed with the submission's own last words, SetupFailed where it did not come as
    far as the song, OutputError for the results' folder, or Cancelled.
    """
    folder = results / song.name
    events, audit = folder / "events.jsonl", folder / "audit.json"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.iterdir():  # what is scored must come from this run
            old.unlink()
    except OSError as error:
        raise OutputError(folder, got=error.strerror, expected="a writable folder") from error
    env = {
        **os.environ,
        # The child runs in the repository, from where a relative path would lead elsewhere.
        "MDX_SYSTEM": _absolute(submission.system),
        "MDX_SUBTYPE": submission.subtype,
        "MDX_PRECISION": submission.precision,
        "MDX_AUDIT_PATH": str(audit.resolve()),
        "TEST_DATASET_PATH": str(song.parent.resolve()),
        "RESULTS_DATASET_PATH": str(results.resolve()),
        "PARTIAL_RUN_MUSIC_NAMES": song.name,
        "EVENTS_PATH": str(events.resolve()),
        "END_WITH_STDIN": "1",
    }
    if submission.threads is not None:
        env["MDX_THREADS"] = str(submission.threads)
    if submission.limit is not None:
        env["INFERENCE_PER_MUSIC_TIMEOUT_SECONDS"] = str(submission.limit)
    code, stderr = children.run([sys.executable, str(ROOT / "predict.py")], env, song.name)
    seen = {event["event"]: event for event in _read_lines(events)}
    if code != 0 or "execution_success" not in seen:
        kind = SongFailed if "setup_done" in seen else SetupFailed
        raise kind(song.name, got=_last_words(code, stderr), expected="four stems")
    facts = _read_lines(audit)[-1] if audit.exists() else {}
    return Separation(
        setup_seconds=seen["setup_done"]["seconds"],
        seconds=seen["song_done"]["seconds"],
        stages=facts.get("stages", {}),
        peak_memory=facts.get("peak_memory"),
        threads=facts.get("threads"),
        runtime=facts.get("runtime"),
        precision=facts.get("precision"),
    )


def _absolute(system: str) -> str:
    return str(Path(system).resolve()) if Path(system).suffix in (".yaml", ".yml") else system


def _last_words(code: int, stderr: str) -> str:
    if code < 0:
        return f"an end by {signal.Signals(-code).name}"
    lines = stderr.strip().splitlines() or [f"exit code {code}"]
    return f"'{lines[-1].removeprefix('error: ')}'"


def _read_lines(path: Path) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
