"""report.json and the tables made from it, on the screen and in the README."""

import json
import os
import platform
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from evaluator.replay import Replay
from evaluator.score_files import METRICS, Medians
from evaluator.scores import (
    ROUND_1_SECONDS,
    ROUND_2_RATIO,
    duration,
    mean_row,
    score_results,
    score_scaled_mixture,
)
from mdx.errors import ConfigError
from mdx.spec import SOURCES

VERSION = 1  # raise whenever a key changes its meaning
COLUMNS = ("song", *SOURCES)
BASELINE = "ScaledMixture"
MARKS = ("<!-- results: begin -->", "<!-- results: end -->")


def make_report(
    songs: Path, replays: list[Replay], scores: Path, *, test_set: str, full: bool = False
) -> dict[str, Any]:
    """Score every replay and the baseline on one test set; `test_set` says what it is.

    Framewise scores go to `scores/<system>/test/<song>.json`, the layout of museval; with `full`
    not only SDR but ISR, SIR and SAR too.
    """
    systems = [
        _system_entry(songs, replay, scores / replay.system / "test", full=full)
        for replay in replays
    ]
    baseline_songs = score_scaled_mixture(songs)
    baseline = {"system": BASELINE, "songs": baseline_songs, "mean": mean_row(baseline_songs)}
    return {
        "version": VERSION,
        "test_set": test_set,
        "metrics": {
            "sdr": "challenge: global SDR of the files written, mean over songs",
            "sdr_median_of_frames": "paper: BSS Eval v4, median over 1 s frames, then over songs",
        },
        "limits": {"round_1_seconds": ROUND_1_SECONDS, "round_2_ratio": ROUND_2_RATIO},
        "machine": {
            "cpus": os.cpu_count(),
            "python": platform.python_version(),
            "onnxruntime": version("onnxruntime"),
            "platform": platform.platform(),
        },
        "systems": [baseline, *systems],
    }


def _system_entry(songs: Path, replay: Replay, scores: Path, *, full: bool) -> dict[str, Any]:
    rows = score_results(songs, replay.results, scores, full=full)
    for row in rows:
        seconds, length = replay.seconds[row["song"]], duration(songs / row["song"])
        row["duration"] = round(length, 3)
        row["seconds"] = seconds
        row["share_of_round_1_limit"] = round(seconds / ROUND_1_SECONDS, 4)
        row["share_of_round_2_limit"] = round(seconds / (ROUND_2_RATIO * length), 4)
    return {
        "system": replay.system,
        "setup_seconds": replay.setup_seconds,
        "songs": rows,
        "mean": mean_row(rows),
    }


def write_report(report: Mapping[str, Any], path: Path) -> None:
    """Write report.json in one move; a value that is not a number is an error, never NaN."""
    draft = path.with_name(f".{path.name}.part")
    draft.write_text(json.dumps(report, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    os.replace(draft, path)


def song_table(entry: Mapping[str, Any]) -> str:
    """One system's songs as a Markdown table: SDR by source, seconds, share of the limit."""
    rows = []
    for row in entry["songs"]:
        share = f"{100 * row['share_of_round_2_limit']:.0f} %"
        rows.append([row["song"], *_decibels(row["sdr"]), f"{row['seconds']:.1f}", share])
    header = ["song", *(f"SDR_{key}" for key in COLUMNS), "seconds", "of limit"]
    return _table(header, rows)


def summary_table(report: Mapping[str, Any], metric: str = "sdr") -> str:
    """All systems of a report as a Markdown table in the leaderboard's columns."""
    rows = [[entry["system"], *_decibels(entry["mean"][metric])] for entry in report["systems"]]
    return _table(["system", *(f"SDR_{key}" for key in COLUMNS)], rows)


def median_table(medians: Medians) -> str:
    """The medians of score files as a Markdown table, and their mean over targets."""
    rows = [
        [target, *(_decibel(medians[target][metric]) for metric in METRICS)] for target in medians
    ]
    means = []
    for metric in METRICS:
        known = [value for row in medians.values() if (value := row[metric]) is not None]
        means.append(_decibel(sum(known) / len(known) if len(known) == len(medians) else None))
    return _table(["target", *METRICS], [*rows, ["mean", *means]])


def update_readme(report: Mapping[str, Any], readme: Path) -> None:
    """Put the report's results between the README's two marks; raises ConfigError without them."""
    text = readme.read_text(encoding="utf-8")
    begin, end = (text.find(mark) for mark in MARKS)
    if not 0 <= begin < end:
        raise ConfigError(readme, got="no marks for results", expected=" and ".join(MARKS))
    parts = [
        f"Test set: {report['test_set']}.",
        "Global SDR in dB (the challenge's metric), mean over songs:",
        summary_table(report),
        "BSS Eval v4 SDR in dB (the paper's metric), median over frames, then over songs:",
        summary_table(report, "sdr_median_of_frames"),
    ]
    text = text[: begin + len(MARKS[0])] + "\n" + "\n\n".join(parts) + "\n" + text[end:]
    readme.write_text(text, encoding="utf-8")


def _decibels(values: Mapping[str, float | None]) -> list[str]:
    return [_decibel(values[key]) for key in COLUMNS]


def _decibel(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _table(header: list[str], rows: list[list[str]]) -> str:
    widths = [max(len(line[i]) for line in (header, *rows)) for i in range(len(header))]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    lines = []
    for cells in (header, rule, *rows):
        padded = [cells[0].ljust(widths[0])]
        padded += [cell.rjust(width) for cell, width in zip(cells[1:], widths[1:], strict=True)]
        lines.append(f"| {' | '.join(padded)} |")
    return "\n".join(lines)
