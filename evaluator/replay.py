"""Running the submission as the grader does: `predict.py` in a child process, files on disk."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mdx.errors import MdxError, OutputError
from mdx.spec import find_system

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Replay:
    """What one run of the submission left behind."""

    system: str  # its name
    results: Path  # <song>/<source>.wav
    setup_seconds: float
    seconds: dict[str, float]  # by song


def replay(system: str, songs: Path, out: Path, *, limit: int | None = None) -> Replay:
    """Run the submission over `songs` (`<song>/mixture.wav`), into a folder of the system's name.

    `limit` is in seconds a song; None keeps the environment's. Raises MdxError where the
    submission fails, with its own last line.
    """
    name = find_system(system)[0].name
    results = out / name
    events_path = results / "events.jsonl"
    try:
        results.mkdir(parents=True, exist_ok=True)
        for old in (events_path, *results.glob("*/*.wav")):
            old.unlink(missing_ok=True)  # what is scored must come from this run
    except OSError as error:
        raise OutputError(results, got=error.strerror, expected="a writable folder") from error
    env = {
        **{key: os.environ[key] for key in os.environ if key != "PARTIAL_RUN_MUSIC_NAMES"},
        # The child runs in the repository, from where a relative path would lead elsewhere.
        "MDX_SYSTEM": str(Path(system).resolve()) if Path(system).suffix else system,
        "TEST_DATASET_PATH": str(songs.resolve()),
        "RESULTS_DATASET_PATH": str(results.resolve()),
        "EVENTS_PATH": str(events_path.resolve()),
    }
    if limit is not None:
        env["INFERENCE_PER_MUSIC_TIMEOUT_SECONDS"] = str(limit)
    child = subprocess.run(
        [sys.executable, str(ROOT / "predict.py")],
        cwd=ROOT,
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    events = _read_events(events_path)
    finished = any(event["event"] == "execution_success" for event in events)
    if child.returncode != 0 or not finished:
        last = (child.stderr.strip() or f"exit code {child.returncode}").splitlines()[-1]
        raise MdxError(
            f"submission with system '{name}'", got=last, expected="four stems of every song"
        )
    (setup,) = (event["seconds"] for event in events if event["event"] == "setup_done")
    done = (event for event in events if event["event"] == "song_done")
    return Replay(name, results, setup, {event["song"]: event["seconds"] for event in done})


def _read_events(path: Path) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
