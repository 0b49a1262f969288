"""The timing audit: where the seconds go, how close the limits are, and what was running."""

import platform
import statistics
from typing import Any

from evaluator.evaluation import Options, Outcome
from evaluator.fingerprints import package_versions
from evaluator.systems import System
from evaluator.test_sets import TestSet
from mdx.machine import available_cpus, cpu_model
from mdx.systems.spec import SOURCES

ROUND_1_SECONDS = 240.0  # the challenge's first limit, for every song
ROUND_2_RATIO = 1.57  # its second: this many times the song's duration
# In the order of the signal.
STAGES = ("read", "stft", *SOURCES, "istft", "demucs_v2", "combine", "write")
LONGEST_SONG = 430.0  # seconds of MUSDB18's longest test song (Georgia Wonder - Siren)


def make_timing(
    test_set: TestSet, systems: list[System], outcome: Outcome, options: Options
) -> dict[str, Any]:
    """The part of a report that no two runs have in common."""
    return {
        "machine": {
            "cpu": cpu_model(),
            "cpus": available_cpus(),
            "platform": platform.platform(),
            "python": platform.python_version(),
            **package_versions(),
        },
        "limits": {"round_1_seconds": ROUND_1_SECONDS, "round_2_ratio": ROUND_2_RATIO},
        "workers": options.workers,
        "systems": [_time_system(system, test_set, outcome) for system in systems],
    }


def _time_system(system: System, test_set: TestSet, outcome: Outcome) -> dict[str, Any]:
    songs = []
    for song in test_set.songs:
        record = outcome.records.get((system.name, song.name))
        if record and record["separation"]:
            songs.append(_time_song(song.name, song.duration, record["separation"]))
    shares = "share_of_round_2_limit"
    worst = max(songs, key=lambda song: song[shares], default=None)
    return {
        "system": system.name,
        "songs": songs,
        "worst": worst and worst["song"],
        "projection": worst and _project(max(song["per_second"] for song in songs)),
    }


def _time_song(name: str, duration: float, separation: dict[str, Any]) -> dict[str, Any]:
    runs = separation["runs"]
    seconds = [run["seconds"] for run in runs]
    slowest, last = max(seconds), runs[-1]
    known = sorted(last["stages"].items(), key=lambda item: STAGES.index(item[0]))
    stages = {stage: round(spent, 4) for stage, spent in known}
    rest = last["seconds"] - sum(stages.values())
    return {
        "song": name,
        "duration": round(duration, 3),
        "seconds": seconds,
        "median": statistics.median(seconds),
        "spread": round(slowest - min(seconds), 3),
        "per_second": round(slowest / duration, 6),
        "share_of_round_1_limit": round(slowest / ROUND_1_SECONDS, 4),
        "share_of_round_2_limit": round(slowest / (ROUND_2_RATIO * duration), 4),
        "setup_seconds": last["setup_seconds"],
        # Opening and closing files, resampling back, and all that is too short to be watched.
        "stages": {**stages, "rest": round(max(0.0, rest), 4)} if stages else {},
        "peak_memory": max((run["peak_memory"] or 0 for run in runs), default=0) or None,
        "threads": last["threads"],
        "runtime": last["runtime"],
        "precision": last["precision"],
        "same_every_time": separation["same_every_time"],
        "limit": last["limit"],
        "rungs": last["rungs"],
        "squeezed": any(run["squeezed"] for run in runs),
    }


def _project(per_second: float) -> dict[str, Any]:
    # By the slowest song: short ones take more for each second, so this errs to the safe side.
    seconds = per_second * LONGEST_SONG
    round_2 = ROUND_2_RATIO * LONGEST_SONG
    return {
        "duration": LONGEST_SONG,
        "seconds": round(seconds, 1),
        "share_of_round_1_limit": round(seconds / ROUND_1_SECONDS, 4),
        "share_of_round_2_limit": round(seconds / round_2, 4),
    }
