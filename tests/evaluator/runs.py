"""Runs the evaluator in tests, and reads its results."""

import json
from pathlib import Path
from typing import Any

import jsonschema

from evaluator.report import SCHEMA
from evaluator.run import main


def evaluate(songs: Path, system: Path, out: Path, *options: object) -> int:
    """Run the evaluator in this process; returns its exit code."""
    return _run("--songs", songs, "--system", system, "--out", out, *options)


def evaluate_stems(songs: Path, stems: Path, out: Path, *options: object) -> int:
    """Let the evaluator score existing stems; returns its exit code."""
    return _run("--songs", songs, "--stems", stems, "--out", out, *options)


def _run(*options: object) -> int:
    return main(["--excerpt", "0", *map(str, options)])


def read_report(out: Path) -> Any:
    """The report of a run, validated against its schema."""
    report = json.loads((out / "report.json").read_text())
    jsonschema.validate(report, json.loads(SCHEMA.read_text()))
    return report


def without_timing(out: Path) -> Any:
    """The parts of a report that must be the same for every run on the same songs."""
    report = read_report(out)
    del report["timing"]
    return report


def processes_of(out: Path) -> list[int]:
    """The processes whose environment names the folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if str(out).encode() in (process / "environ").read_bytes():
                found.append(int(process.name))
        except OSError:
            continue
    return found
