"""Running the submission as the grader does: `predict.py` in a child process, files on disk.

Every song gets a process of its own: one that fails or is killed costs no other song, and peak
memory is that song's.
"""

import json
import math
import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import soundfile as sf

from evaluator.children import ROOT, Children, Killed, Limits
from evaluator.disturbances import Disturbance
from mdx.errors import MdxError, OutputError
from mdx.limit.policy import Limit, parse_limit

NO_LIMIT = Limit()
SETUP_SECONDS = "900"  # the challenge's limit for loading
JUMPING_CLOCK = Path(__file__).resolve().parent / "jumping_clock"


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
    limit: float | None  # seconds
    rungs: list[str]  # what the limit left of the system, one after another
    squeezed: bool  # whether that was less than the whole system, anywhere


@dataclass(frozen=True)
class Submission:
    """The submission with one system, and how it is run."""

    system: str  # a name, or the path of a YAML file
    subtype: str = "PCM_16"
    limit: Limit = NO_LIMIT  # of a song
    threads: int | None = None
    precision: str = "float32"
    spend_budget: bool = False
    cpus: int | None = None  # that the song may use
    disturbance: Disturbance | None = None  # of the machine, for an audit
    clock_jumps: bool = False  # the wall clock, an hour to and fro, for an audit


def separate_song(
    submission: Submission, song: Path, results: Path, children: Children
) -> Separation:
    """Run the submission over one song (`<song>/mixture.wav`), into `results/<name>/`.

    Raises SongFailed with the submission's own last words, SetupFailed where it did not come as
    far as the song, OutputError for the results' folder, or Cancelled.
    """
    folder = results / song.name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.iterdir():  # what is scored must come from this run
            old.unlink()
    except OSError as error:
        raise OutputError(folder, got=error.strerror, expected="a writable folder") from error
    seconds = submission.limit.seconds(_duration(song))
    env = _environment(submission, song, results, seconds)
    events, audit = Path(env["EVENTS_PATH"]), Path(env["MDX_AUDIT_PATH"])
    name = "INFERENCE_SETUP_TIMEOUT_SECONDS"
    setup = parse_limit(env.get(name, SETUP_SECONDS), name).seconds(0)
    limits = Limits(
        lambda: _phase(events), setup, seconds, cpus=submission.cpus,
        disturbance=submission.disturbance,
    )  # fmt: skip
    code, stderr, killed = 0, "", None
    try:
        command = [sys.executable, str(ROOT / "predict.py")]
        code, stderr = children.run(command, env, song.name, limits)
    except Killed as error:
        killed = error
    seen = {event["event"]: event for event in _read_lines(events)}
    taken = seen.get("song_done", {}).get("seconds", 0.0)
    if killed is None and seconds is not None and taken > seconds:
        killed = Killed(song.name, got=f"{taken:.1f} s", expected=f"at most {seconds:g} s")
    if killed or code != 0 or "execution_success" not in seen:
        for path in folder.glob("*.wav*"):  # nothing half-written is ever taken for a result
            path.unlink()
        kind = SongFailed if "setup_done" in seen else SetupFailed
        if killed:
            raise kind.like(killed) from killed
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
        limit=seconds,
        **_quality(folder / "quality.json"),
    )


def _environment(
    submission: Submission, song: Path, results: Path, seconds: float | None
) -> dict[str, str]:
    folder = results.resolve() / song.name
    env = {
        **os.environ,
        # The child runs in the repository, from where a relative path would lead elsewhere.
        "MDX_SYSTEM": _absolute(submission.system),
        "MDX_SUBTYPE": submission.subtype,
        "MDX_PRECISION": submission.precision,
        "MDX_LIMIT": str(submission.limit),
        "MDX_SPEND_BUDGET": "1" if submission.spend_budget else "",
        "MDX_AUDIT_PATH": str(folder / "audit.json"),
        "TEST_DATASET_PATH": str(song.parent.resolve()),
        "RESULTS_DATASET_PATH": str(results.resolve()),
        "PARTIAL_RUN_MUSIC_NAMES": song.name,
        "EVENTS_PATH": str(folder / "events.jsonl"),
        "END_WITH_STDIN": "1",
        # The kit knows whole seconds; it need only be no stricter than what is watched here.
        "INFERENCE_PER_MUSIC_TIMEOUT_SECONDS": str(math.ceil(seconds or sys.maxsize)),
    }
    if submission.threads is not None:
        env["MDX_THREADS"] = str(submission.threads)
    if submission.clock_jumps:
        paths = [str(JUMPING_CLOCK), *filter(None, [env.get("PYTHONPATH")])]
        env["PYTHONPATH"] = os.pathsep.join(paths)
    return env


def _duration(song: Path) -> float:
    try:
        return float(sf.info(song / "mixture.wav").duration)
    except (sf.LibsndfileError, OSError):  # which the submission will find out
        return 0.0


def _phase(events: Path) -> str:
    # What a child is at, by the last event that it told of.
    names = [event["event"] for event in _read_lines(events)]
    if "song_done" in names:
        return "done"
    return "song" if "execution_running" in names else "setup"


def _quality(path: Path) -> dict[str, Any]:
    # What a song was separated with; nothing where the submission does not tell.
    if not path.exists():
        return {"rungs": [], "squeezed": False}
    quality = json.loads(path.read_text(encoding="utf-8"))
    levels = quality["levels"]
    used = [levels[decision["index"]] for decision in quality["decisions"]]
    best = levels[0] | {"both_polarities": None}
    same = ("precision", "estimators", "mixer")
    squeezed = any(level[key] != best[key] for level in used for key in same)
    return {"rungs": [level["label"] for level in used], "squeezed": squeezed}


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
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    return [json.loads(line) for line in lines if line.endswith("\n")]  # the last is being written
