"""report.json: all results of a run, in the schema of report.schema.json."""

from pathlib import Path
from typing import Any

from evaluator.evaluation import Outcome
from evaluator.given_stems import GivenStems
from evaluator.jobs import Options
from evaluator.leaderboards import make_tables
from evaluator.paper import BOTH_POLARITIES, check_paper
from evaluator.published import Published
from evaluator.records import Record
from evaluator.scores import BASELINE, METRICS, mean_scores
from evaluator.systems import System
from evaluator.test_sets import TestSet
from evaluator.timing import make_timing

VERSION = 5  # increment it whenever the meaning of a key changes
MADE_ELSEWHERE = "made elsewhere"  # the mark of stems that no system of the run made
SCHEMA = Path(__file__).with_name("report.schema.json")


def make_report(
    test_set: TestSet, systems: list[System], given: list[GivenStems], outcome: Outcome,
    options: Options, published: Published, audit: list[dict[str, Any]],
) -> dict[str, Any]:  # fmt: skip
    """Build the report of a run; everything that depends on machine and time is under `timing`.

    Songs that an interrupted run did not reach are `pending`, and do not count in any mean.
    """
    ours = [_entry(system, test_set, outcome) for system in systems]
    entries = [*ours, *(_given_entry(stems, test_set, outcome) for stems in given)]
    baseline = {"system": BASELINE, "marks": [], **_songs(BASELINE, test_set, outcome)}
    everything = [row for entry in entries for row in entry["songs"]]
    return {
        "version": VERSION,
        "complete": all(row["state"] != "pending" for row in everything),
        "test_set": {
            "name": test_set.name,
            "description": test_set.description,
            "songs": len(test_set.songs),
            "whole": test_set.whole,
        },
        "scored_files": options.subtype,
        "metrics": METRICS,
        "baseline": baseline,
        "systems": entries,
        "tables": make_tables(test_set, [baseline, *entries], published),
        "paper": check_paper(test_set, systems, ours, published),
        "timing": {**make_timing(test_set, systems, given, outcome, options), "audit": audit},
    }


def failures(report: dict[str, Any]) -> list[str]:
    """The errors of all songs that failed, without duplicates."""
    entries = [report["baseline"], *report["systems"]]
    errors = [row["error"] for entry in entries for row in entry["songs"] if row["error"]]
    return list(dict.fromkeys(errors))


def _entry(system: System, test_set: TestSet, outcome: Outcome) -> dict[str, Any]:
    spec = system.spec
    deviations = _deviations(system, test_set, outcome)
    disagreement = system.disagreement()
    return {
        "system": system.name,
        "description": spec.description,
        "training_data": list(spec.training_data),
        "leaderboard": spec.leaderboard,
        "marks": [*system.marks(test_set), *deviations],
        "deviations": deviations,
        "warnings": [disagreement] if disagreement else [],
        "weights": system.weights,
        **_songs(system.name, test_set, outcome),
    }


def _given_entry(stems: GivenStems, test_set: TestSet, outcome: Outcome) -> dict[str, Any]:
    return {
        "system": stems.name,
        "description": "Stems that another tool made",
        "training_data": [],
        "leaderboard": "none",
        "marks": [MADE_ELSEWHERE],
        "deviations": [],
        "warnings": stems.warnings,
        "weights": {},
        **_songs(stems.name, test_set, outcome),
    }


def _deviations(system: System, test_set: TestSet, outcome: Outcome) -> list[str]:
    # Scores of less than the usual networks, or of twice their work, are not the system's own.
    records = [outcome.records.get((system.name, song.name)) for song in test_set.songs]
    songs = [record["separation"]["runs"] for record in records if record and record["separation"]]
    count = sum(any(run["degraded"] for run in runs) for runs in songs)
    found = [f"{count} of {len(test_set.songs)} songs degraded by the limit"] if count else []
    averaged = any(run["both_polarities"] for runs in songs for run in runs)
    averaged = averaged or system.spec.both_polarities  # without a limit nothing else says so
    return [*found, *([BOTH_POLARITIES] if averaged else [])]


def _songs(name: str, test_set: TestSet, outcome: Outcome) -> dict[str, Any]:
    rows = []
    for song in test_set.songs:
        record = outcome.records.get((name, song.name))
        scores = (record and record["scores"]) or dict.fromkeys(METRICS)
        rows.append({
            "song": song.name,
            "duration": round(song.duration, 3),
            "state": _state(record),
            "error": record and record["error"],
            **{metric: scores[metric] for metric in METRICS},
        })  # fmt: skip
    scored = [row for row in rows if row["state"] == "scored"]
    mean = {"songs": len(scored), **mean_scores(scored)} if scored else None
    return {"songs": rows, "mean": mean}


def _state(record: Record | None) -> str:
    if record is None:
        return "pending"
    if record["error"]:
        return "failed"
    return "scored" if record["scores"] else "unscored"
