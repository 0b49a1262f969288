"""Running the evaluator in tests, and reading what it left."""

import json
from pathlib import Path
from typing import Any

import jsonschema

from evaluator.report import SCHEMA
from evaluator.run import main


def evaluate(songs: Path, system: Path, out: Path, *options: object) -> int:
    """Run the evaluator in this process; returns its exit code."""
    arguments = ["--songs", songs, "--system", system, "--out", out, "--excerpt", 0, *options]
    return main([str(argument) for argument in arguments])


def read_report(out: Path) -> Any:
    """The report of a run, which must be in its schema."""
    report = json.loads((out / "report.json").read_text())
    jsonschema.validate(report, json.loads(SCHEMA.read_text()))
    return report


def without_timing(out: Path) -> Any:
    """What must be the same whenever the same songs are run."""
    report = read_report(out)
    del report["timing"]
    return report
