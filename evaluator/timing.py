"""The timing part of a report: seconds by stage, shares of the limits, and the machine."""

import platform
import statistics
from typing import Any

from evaluator.evaluation import Outcome
from evaluator.fingerprints import package_versions
from evaluator.given_stems import GivenStems
from evaluator.jobs import HERE, Options
from evaluator.stages import REST, in_order
from evaluator.systems import System
from evaluator.test_sets import TestSet
from mdx.limit.challenge import ROUND_1, ROUND_2
from mdx.machine import available_cpus, cpu_model

LONGEST_SONG = 430.0  # seconds of MUSDB18's longest test song (Georgia Wonder - Siren)


def make_timing(
    test_set: TestSet, systems: list[System], given: list[GivenStems], outcome: Outcome,
    options: Options,
) -> dict[str, Any]:  # fmt: skip
    """The part of a report that differs between any two runs."""
    return {
        "machine": {
            "cpu": cpu_model(),
            "cpus": available_cpus(),
            "platform": platform.platform(),
            "python": platform.python_version(),
            **package_versions(),
        },
        "limits": {"round_1_seconds": ROUND_1.value, "round_2_ratio": ROUND_2.value},
        "workers": options.workers,
        "systems": [
            *(_time_system(system, test_set, outcome, options) for system in systems),
            *(_not_timed(stems) for stems in given),
        ],
    }


def _not_timed(stems: GivenStems) -> dict[str, Any]:
    return {"system": stems.name, "limit": None, "songs": [], "worst": None, "failed": 0,
            "projection": None}  # fmt: skip


def _time_system(
    system: System, test_set: TestSet, outcome: Outcome, options: Options
) -> dict[str, Any]:
    songs, failed = [], 0
    for song in test_set.songs:
        record = outcome.records.get((system.name, song.name))
        if record and record["separation"]:
            songs.append(_time_song(song.name, song.duration, record["separation"]))
        failed += bool(record and not record["separation"])
    shares = "share_of_round_2_limit"
    worst = max(songs, key=lambda song: song[shares], default=None)
    return {
        "system": system.name,
        "limit": str(options.limit_of(system)),
        "songs": songs,
        "worst": worst and worst["song"],
        # A song that failed may have been the slowest: it may have been stopped by its limit.
        "failed": failed,
        "projection": (
            _project(max(song["per_second"] for song in songs)) if songs and not failed else None
        ),
    }


def _time_song(name: str, duration: float, separation: dict[str, Any]) -> dict[str, Any]:
    runs = separation["runs"]
    seconds = [run["seconds"] for run in runs]
    slowest, last = max(seconds), runs[-1]
    stages = {stage: round(last["stages"][stage], 4) for stage in in_order(last["stages"])}
    untold = max(0.0, last["seconds"] - sum(stages.values()))
    return {
        "song": name,
        "duration": round(duration, 3),
        "seconds": seconds,
        "median": statistics.median(seconds),
        "spread": round(slowest - min(seconds), 3),
        "per_second": round(slowest / duration, 6),
        **_shares(slowest, duration),
        "setup_seconds": last["setup_seconds"],
        # Opening and closing files, resampling back, and everything too short to measure.
        "stages": {**stages, REST: round(stages.get(REST, 0.0) + untold, 4)} if stages else {},
        "peak_memory": max((run["peak_memory"] or 0 for run in runs), default=0) or None,
        "threads": last["threads"],
        "runtime": last["runtime"],
        "precision": last["precision"],
        "same_every_time": separation["same_every_time"],
        "limit": last["limit"],
        "levels": last["levels"],
        "degraded": any(run["degraded"] for run in runs),
        "machine": None if _is_this(separation["machine"]) else separation["machine"],
    }


def _is_this(machine: dict[str, Any]) -> bool:
    # A resumed run may have songs of another machine.
    there = machine["worker"], machine["cpu"], machine["cpus"]
    return there == (HERE, cpu_model(), available_cpus())


def _project(per_second: float) -> dict[str, Any]:
    # From the slowest song: short songs take more per second, so this errs on the safe side.
    seconds = per_second * LONGEST_SONG
    return {
        "duration": LONGEST_SONG,
        "seconds": round(seconds, 1),
        **_shares(seconds, LONGEST_SONG),
    }


def _shares(seconds: float, duration: float) -> dict[str, float]:
    limits = {"round_1": ROUND_1.seconds(duration), "round_2": ROUND_2.seconds(duration)}
    return {
        f"share_of_{name}_limit": round(seconds / limit, 4)
        for name, limit in limits.items()
        if limit
    }
