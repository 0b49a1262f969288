"""A hand-made report with songs in every state, and its audio files."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import soundfile as sf

from evaluator.report import SCHEMA, VERSION
from evaluator.scores import COLUMNS, METRICS
from mdx.systems.spec import SAMPLE_RATE, SOURCES
from tests.tiny import noise

SYSTEMS = ("first", "last")
NASTY = "<img src=x onerror=alert(1)> \"quoted\" & 'single' 100%"
STATES = {
    NASTY: "scored", "second": "scored", "third": "unscored", "fourth": "failed",
    "fifth": "pending",
}  # fmt: skip
ERROR = "drums.wav: got </script><script>alert(2)</script>, expected a reference stem"
SECONDS = 2


def make_report() -> dict[str, Any]:
    """The report, which conforms to its schema."""
    entries = [
        {
            "system": name, "description": "networks", "training_data": ["MUSDB18-HQ test"],
            "leaderboard": "B", "marks": ["trained on test"], "deviations": [],
            "warnings": ["a contradiction"],
            "weights": {"bass": "0" * 64, "drums": None}, **_songs(number + 1.0),
        }
        for number, name in enumerate(SYSTEMS)
    ]  # fmt: skip
    baseline = {"system": "ScaledMixture", "marks": [], **_songs(0.0)}
    report = {
        "version": VERSION,
        "complete": False,
        "test_set": {"name": "mine", "description": "5 songs of 'mine'", "songs": 5, "whole": True},
        "scored_files": "PCM_16",
        "metrics": METRICS,
        "baseline": baseline,
        "systems": entries,
        "tables": [*(_table(metric, [baseline, *entries]) for metric in METRICS), _published()],
        "paper": {"tolerance": 0.1, "rows": _paper(), "relations": []},
        "timing": _timing(),
    }
    jsonschema.validate(report, json.loads(SCHEMA.read_text()))
    return report


def write_files(root: Path) -> tuple[dict[str, Path], Path]:
    """Write the audio; returns every song's folder by name, and the folder of all stems."""
    songs = {}
    for number, (name, state) in enumerate(STATES.items()):
        songs[name] = root / "songs" / str(number)
        written = SYSTEMS if state in ("scored", "unscored") else ()
        sources = SOURCES if state != "unscored" else ()
        _write(songs[name], ("mixture", *sources), number)
        for system in written:
            _write(root / "stems" / system / name, SOURCES, number + 100)
    return songs, root / "stems"


def _write(folder: Path, names: tuple[str, ...], seed: int) -> None:
    folder.mkdir(parents=True)
    for index, name in enumerate(names):
        audio = noise(SECONDS * SAMPLE_RATE, seed=10 * seed + index)
        sf.write(folder / f"{name}.wav", audio.T, SAMPLE_RATE)


def _songs(level: float) -> dict[str, Any]:
    rows = []
    for number, (name, state) in enumerate(STATES.items()):
        values = {column: level + number + i / 4 for i, column in enumerate(COLUMNS)}
        rows.append({
            "song": name, "duration": SECONDS, "state": state,
            "error": ERROR if state == "failed" else None,
            **dict.fromkeys(METRICS, values if state == "scored" else None),
        })  # fmt: skip
    mean = dict.fromkeys(COLUMNS, level)
    return {"songs": rows, "mean": {"songs": 2, **dict.fromkeys(METRICS, mean)}}


def _table(metric: str, entries: list[dict[str, Any]]) -> dict[str, Any]:
    rows = [
        {"name": entry["system"], "ours": True, "marks": entry["marks"], "source": None,
         "values": entry["mean"][metric]}
        for entry in entries
    ]  # fmt: skip
    return {
        "title": "This run", "test_set": "5 songs of 'mine'", "metric": metric, "board": None,
        "comparable": True, "rows": rows,
    }  # fmt: skip


def _published() -> dict[str, Any]:
    values = {**dict.fromkeys(COLUMNS, 7.123), "song": None}
    row = {"name": "somebody", "ours": False, "marks": [], "source": "a book", "values": values}
    return {
        "title": "Final leaderboard A", "test_set": "MDXDB21", "metric": "sdr", "board": "A",
        "comparable": False, "rows": [row],
    }  # fmt: skip


def _paper() -> list[dict[str, Any]]:
    row: dict[str, Any] = {
        "table": "The paper's table",
        "test_set": "MUSDB18 test",
        "superseded": False,
    }
    row["published"] = dict.fromkeys(SOURCES, 7.5)
    none = {"reason": "other weights", "system": None, "found": None}
    rows: list[dict[str, Any]] = [{**row, "row": "one", "status": "not comparable", **none}]
    for name, status, found in (("two", "reproduced", 7.55), ("three", "outside", 8.0)):
        made = {"reason": None, "system": "last", "found": dict.fromkeys(SOURCES, found)}
        rows.append({**row, "row": name, "status": status, **made})
    aside = {**rows[-1], "row": "four", "status": "not comparable", "reason": "another training"}
    other = {"published": dict.fromkeys(SOURCES, 6.5), "found": dict.fromkeys(SOURCES, 4.5)}
    return [*rows, {**aside, **other}]


def _audit() -> list[dict[str, Any]]:
    case = {"limit": "ratio:1.57", "cpus": 2, "slowdown": 4.0, "fault": "none"}
    row = {"system": NASTY, "song": NASTY, **case}
    found = {
        "levels": ["float32", NASTY],
        "seconds": 9.0,
        "share": 0.5,
        "margin": 9.0,
        "sdr": 6.5,
        "error": None,
    }
    late: dict[str, Any] = {**dict.fromkeys(found), "levels": [], "error": ERROR}
    return [{**row, **found}, {**row, **late}]


def _timing() -> dict[str, Any]:
    systems = []
    for system in SYSTEMS:
        songs = [
            {
                "song": name, "duration": SECONDS, "seconds": [1.0, 1.2], "median": 1.1,
                "spread": 0.2, "per_second": 0.6, "share_of_round_1_limit": 0.005,
                "share_of_round_2_limit": 0.382, "setup_seconds": 0.1,
                "stages": {"read": 0.2, NASTY: 0.9, "rest": 0.1} if system == "first" else {},
                "peak_memory": 500_000_000, "threads": 2, "runtime": "onnxruntime",
                "precision": "float32", "same_every_time": True, "limit": 240.0,
                "levels": ["float32", "int8"], "degraded": True, "machine": None,
            }
            for name, state in STATES.items()
            if state in ("scored", "unscored")
        ]  # fmt: skip
        projection = {
            "duration": 430, "seconds": 258, "share_of_round_1_limit": 1.075,
            "share_of_round_2_limit": 0.382,
        }  # fmt: skip
        systems.append(
            {
                "system": system,
                "limit": "fixed:240",
                "songs": songs,
                "worst": NASTY,
                "failed": 0,
                "projection": projection,
            }
        )
    return {
        "machine": {"cpu": "a CPU", "cpus": 2, "platform": "Linux", "python": "3.11"},
        "limits": {"round_1_seconds": 240, "round_2_ratio": 1.57},
        "workers": 1,
        "audit": _audit(),
        "systems": systems,
    }
