"""Plots of long-term spectra: every song, their median, real stems and the accepted range."""

import math
from typing import Any

from demo.inspect.bands import JUDGED, REFERENCES, hertz
from demo.inspect.measure import CENTRES, HERTZ, Measures
from evaluator.figures import LIMIT, figure_json, plain

# Okabe and Ito's colours, one for each stem.
COLOURS = {"bass": "#0072B2", "drums": "#E69F00", "other": "#009E73", "vocals": "#CC79A7"}
HEIGHT = 340  # pixels
LOWEST = -100  # dB at the bottom
TICKS = (30, 60, 120, 250, 500, 1000, 2000, 4000, 8000, 16000)  # Hz
DASHES = ("dash", "dot", "dashdot")


def spectrum_figure(stem: str, songs: dict[str, Measures], median: Measures) -> str:
    """Draw the spectra of one stem as plotly's JSON; `songs` are its measures by song."""
    import plotly.graph_objects as go

    figure = go.Figure([_accepted(stem), _every(songs)])
    figure.add_scatter(
        name="median", x=_rounded(CENTRES), y=_rounded(median.curve),
        mode="lines", line={"color": COLOURS[stem], "width": 4},
        hovertemplate="median<br>%{x:.0f} Hz: %{y:.1f} dB<extra></extra>",
    )  # fmt: skip
    for real, dash in zip(REFERENCES[stem].real, DASHES, strict=False):
        figure.add_scatter(
            name=f"real: {real.source}", x=HERTZ, y=real.levels,
            mode="lines+markers", line={"color": LIMIT, "width": 2, "dash": dash}, marker_size=6,
            hovertemplate="%{x:.0f} Hz: %{y} dB<extra>%{fullData.name}</extra>",
        )  # fmt: skip
    figure.update_layout(
        height=HEIGHT,
        margin={"l": 40, "r": 8, "t": 8, "b": 36},
        xaxis={
            "type": "log", "range": [math.log10(25), math.log10(17000)], "fixedrange": True,
            "tickvals": TICKS, "ticktext": [hertz(tick) for tick in TICKS], "tickangle": 0,
        },
        yaxis={"range": [LOWEST, 4], "ticksuffix": " dB", "fixedrange": True, "zeroline": False},
    )  # fmt: skip
    return figure_json(figure)


def _accepted(stem: str) -> Any:
    import plotly.graph_objects as go

    low, high = (list(values[:JUDGED]) for values in REFERENCES[stem].span)
    bands = list(HERTZ[:JUDGED])
    return go.Scatter(
        name="accepted", x=bands + bands[::-1], y=high + low[::-1], fill="toself",
        fillcolor="rgba(213,94,0,0.12)", line_width=0, mode="lines", hoverinfo="skip",
    )  # fmt: skip


def _every(songs: dict[str, Measures]) -> Any:
    # One line with gaps, since hundreds of traces would be slow.
    import plotly.graph_objects as go

    x: list[float | None] = []
    y: list[float | None] = []
    text: list[str] = []
    for name, measures in songs.items():
        x += [*_rounded(CENTRES), None]
        y += [*_rounded(measures.curve), None]
        text += [plain(name)] * (len(CENTRES) + 1)
    return go.Scatter(
        name="every song", x=x, y=y, text=text, mode="lines", opacity=0.55,
        line={"color": "#8A8A8A", "width": 1},
        hovertemplate="%{text}<br>%{x:.0f} Hz: %{y:.1f} dB<extra></extra>",
    )  # fmt: skip


def _rounded(values: Any) -> list[float]:
    return [round(float(value), 1) for value in values]
