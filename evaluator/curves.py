"""The training curves of a system's separators, from the files that training writes."""

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from evaluator.figures import figure_json
from evaluator.stages import COLOURS
from mdx.errors import ConfigError
from mdx.systems.spec import SOURCES

FILE = "curve.csv"  # <runs>/<source>/curve.csv: step, name (loss or sdr), value
ALL = "all"  # in place of a source: one network for all of them
GREY = "#777777"
TITLES = {"loss": "loss, relative to its first value", "sdr": "SDR of validation songs, dB"}


class Curve(NamedTuple):
    """Values by optimizer step."""

    steps: list[int]
    values: list[float]


Curves = Mapping[str, Mapping[str, Curve]]  # by source, then loss or sdr


def read_curves(folder: Path) -> Curves:
    """Read the curves of a folder of runs; raises ConfigError if there is no folder or no curve.

    A network for all sources has one loss, and an SDR for each of them.
    """
    found = {
        run: _read(folder / run / FILE)
        for run in (*SOURCES, ALL)
        if (folder / run / FILE).is_file()
    }
    for source in SOURCES:
        if (sdr := found.get(ALL, {}).pop(f"sdr {source}", None)) is not None:
            found.setdefault(source, {}).setdefault("sdr", sdr)
    if not found:
        raise ConfigError(
            folder, got="no training curves", expected=f"<source>/{FILE} in it",
            hint="name the folder that training wrote into, such as out/training/demo",
        )  # fmt: skip
    return found


def curve_lines(curves: Curves, name: str) -> str | None:
    """One line per source, of its loss or SDR by step; None if there is nothing to draw."""
    import plotly.graph_objects as go

    traces = []
    for source, both in curves.items():
        if name not in both:
            continue
        steps, values = both[name]
        # Losses scale with the loudness of the source: only the shapes can be compared.
        first = (values[0] or 1.0) if name == "loss" else 1.0
        shown = [value / first for value in values]
        traces.append(
            go.Scatter(
                name=source, x=steps, y=shown, mode="lines+markers", marker_size=4,
                line_color=COLOURS.get(source, GREY), hovertemplate="%{y:.3f}, step %{x}",
            )
        )  # fmt: skip
    if not traces:
        return None
    figure = go.Figure(traces)
    figure.update_layout(
        height=340,
        xaxis={"title": "step", "rangemode": "tozero", "fixedrange": True},
        yaxis={"title": TITLES[name], "fixedrange": True},
    )
    return figure_json(figure)


def _read(path: Path) -> dict[str, Curve]:
    curves: dict[str, Curve] = {}
    try:
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                steps, values = curves.setdefault(row["name"], Curve([], []))
                steps.append(int(row["step"]))
                values.append(float(row["value"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            path, got=f"{type(error).__name__}: {error}", expected="rows of step, name and value"
        ) from error
    return curves
