"""Results by source as bars: published ones, and those of a report beside them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.figures.style import figure, save
from evaluator.published import Table, read_published
from mdx.errors import ConfigError
from mdx.systems.spec import SOURCES

COLOURS = {"bass": "#1f6fb4", "drums": "#d98c21", "other": "#5b8f4e", "vocals": "#a34a68"}
PAPER_TABLE = "final text"  # of its title, in evaluator/published.yaml


@dataclass(frozen=True)
class Bars:
    """The bars of one system, in dB by source."""

    name: str
    values: Mapping[str, float | None]
    measured: bool  # by us, on a test set of ours; else published


def published_bars(table: Table) -> list[Bars]:
    """The rows of a published table that have all four sources, the best first."""
    rows = [Bars(row.name, row.values, measured=False) for row in table.rows]
    whole = [row for row in rows if None not in [row.values[source] for source in SOURCES]]
    return sorted(whole, key=lambda row: -sum(row.values[source] or 0 for source in SOURCES))


def paper_table() -> Table:
    """The paper's table in its final text."""
    (found,) = (table for table in read_published().tables if PAPER_TABLE in table.title)
    return found


def measured_bars(report: Path, metric: str) -> list[Bars]:
    """Our own rows of a report.json in this metric; raises ConfigError where it has none."""
    try:
        content: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))
        songs = content["test_set"]["description"]
        found = [
            Bars(f"{row['name']}\n({songs})", row["values"], measured=True)
            for table in content["tables"] if table["metric"] == metric
            for row in table["rows"] if row["ours"]
        ]  # fmt: skip
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            report, got=f"{type(error).__name__}: {error}", expected="a report of the evaluator"
        ) from error
    if not found:
        raise ConfigError(report, got="no scores", expected="a report of songs with true stems")
    return found


def draw_bars(rows: list[Bars], path: Path) -> None:
    """Draw four bars a system, and write an SVG; what was measured here is hatched."""
    canvas, axes = figure(width=7.2, height=0.52 * len(rows) + 0.9)
    height = 0.8 / len(SOURCES)
    for place, row in enumerate(rows):
        for index, source in enumerate(SOURCES):
            value = row.values[source]
            if value is not None:
                axes.barh(
                    place + (index - 1.5) * height, value, height, color=COLOURS[source],
                    label=None if place else source, hatch="///" if row.measured else None,
                    edgecolor="white", linewidth=0.4,
                )  # fmt: skip
    names = [row.name if row.measured else f"{row.name} (published)" for row in rows]
    axes.set_yticks(range(len(rows)), names)
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("SDR: median over frames and songs (dB)")
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=len(SOURCES), frameon=False)
    save(canvas, path)
