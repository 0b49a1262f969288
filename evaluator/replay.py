"""Running the submission as the grader does: `predict.py` in a child process, files on disk.

Every song gets a process of its own: if it fails or is killed, no other song is affected, and the
peak memory is that of one song.
"""

import json
import logging
import math
import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evaluator.audio_files import duration
from evaluator.children import ROOT, Children, Killed, Limits
from evaluator.disturbances import Disturbance
from evaluator.quality import read_quality
from mdx.cli.environment import MARK
from mdx.errors import ConfigError, MdxError, OutputError
from mdx.limit.challenge import ROUND_1
from mdx.limit.policy import Limit, parse_limit

log = logging.getLogger(__name__)
NO_LIMIT = Limit()
PREFIXES = ("MDX_", "INFERENCE_")  # of the environment variables that a submission reads
SETUP_SECONDS = "900"  # the challenge's limit for loading
AUDIT = "audit.json"  # in which a submission reports a song's time and memory
JUMPING_CLOCK = Path(__file__).resolve().parent / "jumping_clock"


class SetupFailed(MdxError):
    """A submission that could not load its networks, so that it cannot separate any song."""


class SongFailed(MdxError):
    """A song that the submission failed to separate."""


@dataclass(frozen=True)
class Separation:
    """Time, memory and quality of one run of the submission over one song."""

    setup_seconds: float
    seconds: float
    stages: dict[str, float]  # seconds by stage; empty if the submission reports none
    peak_memory: int | None  # bytes
    threads: int | None
    runtime: str | None
    precision: str | None
    limit: float | None  # seconds
    levels: list[str]  # the quality levels used under the limit, in order of time
    degraded: bool  # whether any part of the song had less than the whole system
    both_polarities: bool  # whether polarity averaging was used for any part


@dataclass(frozen=True)
class Submission:
    """The submission with one system, and how it is run."""

    system: str  # a name, or the path of a YAML file
    subtype: str = "PCM_16"
    limit: Limit = NO_LIMIT  # of a song
    threads: int | None = None
    precision: str = "float32"
    spend_budget: bool = False
    cpus: int | None = None  # how many the song may use
    disturbance: Disturbance | None = None  # of the machine, for an audit
    clock_jumps: bool = False  # whether the wall clock jumps to and fro by an hour, for an audit
    inherited: Mapping[str, str] | None = None  # replaces this process's MDX_* and INFERENCE_*
    program: tuple[str, ...] = (str(ROOT / "predict.py"),)  # Python's arguments


def separate_song(
    submission: Submission, song: Path, results: Path, children: Children
) -> Separation:
    """Run the submission over one song (`<song>/mixture.wav`), into `results/<name>/`.

    Raises SongFailed with the last line of the submission's stderr, SetupFailed if it ended before
    the song began, OutputError if the results' folder cannot be written, or Cancelled.
    """
    folder = results / song.name
    _clear(folder)
    seconds = _limit_of(submission, duration(song / "mixture.wav"))
    env = {**_environment(submission), **settings(submission, song, results, seconds)}
    events = Path(env["EVENTS_PATH"])
    name = "INFERENCE_SETUP_TIMEOUT_SECONDS"
    setup = parse_limit(env.get(name, SETUP_SECONDS), name).seconds(0)
    limits = Limits(
        lambda: _phase(events), setup, seconds, cpus=submission.cpus,
        disturbance=submission.disturbance,
    )  # fmt: skip
    code, stderr, killed = 0, "", None
    try:
        command = [sys.executable, *submission.program]
        code, stderr = children.run(command, env, song.name, limits)
    except Killed as error:
        killed = error
    seen = {event["event"]: event for event in _read_lines(events)}
    taken = seen.get("song_done", {}).get("seconds", 0.0)
    if killed is None and seconds is not None and taken > seconds:
        killed = Killed(song.name, got=f"{taken:.1f} s", expected=f"at most {seconds:g} s")
    if killed or code != 0 or "execution_success" not in seen:
        for path in folder.glob("*.wav*"):  # a half-written stem must not pass for a result
            path.unlink()
        kind = SongFailed if "setup_done" in seen else SetupFailed
        if killed:
            raise kind.like(killed) from killed
        raise kind(song.name, got=_last_words(code, stderr), expected="four stems")
    return _separation(folder, seen, seconds)


def _limit_of(submission: Submission, seconds: float) -> float | None:
    # A ratio of an unknown duration would end the submission before it says what is wrong.
    limit = submission.limit
    return (limit if seconds or limit.kind != "ratio" else ROUND_1).seconds(seconds)


def inherited_settings() -> dict[str, str]:
    """The environment variables of this process that a submission reads, without our own mark."""
    return {
        name: value
        for name, value in os.environ.items()
        if name.startswith(PREFIXES) and name != MARK
    }


def _environment(submission: Submission) -> dict[str, str]:
    if submission.inherited is None:
        return dict(os.environ)
    others = {key: value for key, value in os.environ.items() if not key.startswith(PREFIXES)}
    return {**others, **submission.inherited}


def _clear(folder: Path) -> None:
    # Only stems of this run may be scored.
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.iterdir():
            old.unlink()
    except OSError as error:
        raise OutputError(folder, got=error.strerror, expected="a writable folder") from error


def _separation(folder: Path, events: dict[str, dict[str, Any]], limit: float | None) -> Separation:
    facts = _read_audit(folder / AUDIT)
    try:
        quality = read_quality(folder / "quality.json")
    except ConfigError as error:
        raise SongFailed.like(error) from error
    return Separation(
        setup_seconds=events["setup_done"]["seconds"],
        seconds=events["song_done"]["seconds"],
        stages=facts.get("stages", {}),
        peak_memory=facts.get("peak_memory"),
        threads=facts.get("threads"),
        runtime=facts.get("runtime"),
        precision=facts.get("precision"),
        limit=limit,
        levels=quality.labels,
        degraded=quality.degraded,
        both_polarities=quality.both_polarities,
    )


def settings(
    submission: Submission, song: Path, results: Path, seconds: float | None
) -> dict[str, str]:
    """The environment variables of a submission for one song, with a limit of `seconds`."""
    folder = results.resolve() / song.name
    env = {
        # The child runs in the repository's root, where a relative path would mean another file.
        "MDX_SYSTEM": _absolute(submission.system),
        "MDX_SUBTYPE": submission.subtype,
        "MDX_PRECISION": submission.precision,
        "MDX_LIMIT": str(submission.limit),
        "MDX_SPEND_BUDGET": "1" if submission.spend_budget else "",
        "MDX_AUDIT_PATH": str(folder / AUDIT),
        "TEST_DATASET_PATH": str(song.parent.resolve()),
        "RESULTS_DATASET_PATH": str(results.resolve()),
        "PARTIAL_RUN_MUSIC_NAMES": song.name,
        "EVENTS_PATH": str(folder / "events.jsonl"),
        "END_WITH_STDIN": "1",
        # The kit takes whole seconds; rounded up, since the exact limit is enforced here.
        "INFERENCE_PER_MUSIC_TIMEOUT_SECONDS": str(math.ceil(seconds or sys.maxsize)),
    }
    if submission.threads is not None:
        env["MDX_THREADS"] = str(submission.threads)
    if submission.clock_jumps:
        paths = [str(JUMPING_CLOCK), *filter(None, [os.environ.get("PYTHONPATH")])]
        env["PYTHONPATH"] = os.pathsep.join(paths)
    return env


def _phase(events: Path) -> str:
    # The phase of a child, from the events that it has reported.
    names = [event["event"] for event in _read_lines(events)]
    if "song_done" in names:
        return "done"
    return "song" if "execution_running" in names else "setup"


def _read_audit(path: Path) -> dict[str, Any]:
    # What the submission reports about the song; stems and scores do not depend on it.
    try:
        facts = (_read_lines(path) or [{}])[-1]
        stages = {name: float(seconds) for name, seconds in facts.get("stages", {}).items()}
    except (ValueError, TypeError, AttributeError) as error:
        log.warning("%s: %s", path, error)
        return {}
    return {**facts, "stages": stages}


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
    return [json.loads(line) for line in lines if line.endswith("\n")]  # the rest is being written
