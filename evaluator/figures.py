"""The plots of a report, as plotly JSON."""

import html
from collections.abc import Mapping
from typing import Any

from evaluator.scores import BASELINE, COLUMNS
from evaluator.stages import UNREPORTED, stage_colours

# Okabe and Ito's colours, which colour-blind readers can tell apart; grey is the baseline's.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442")
GREY = "#8A8A8A"
LIMIT = "#D55E00"
LONGEST_LABEL = 26  # characters; a longer label would leave no room for the bar on a phone


def system_colours(report: Mapping[str, Any]) -> dict[str, str]:
    """One fixed colour for every system of a report, the baseline included."""
    names = [entry["system"] for entry in report["systems"]]
    colours = {name: COLOURS[i % len(COLOURS)] for i, name in enumerate(names)}
    return {BASELINE: GREY, **colours}


def score_boxes(report: Mapping[str, Any], metric: str) -> str | None:
    """Box plots of a metric by source, systems side by side; None where nothing was scored."""
    import plotly.graph_objects as go

    colours = system_colours(report)
    traces = []
    for entry in (report["baseline"], *report["systems"]):
        points = [
            (column, row[metric][column], plain(row["song"]))
            for column in COLUMNS
            for row in entry["songs"]
            if row[metric] and row[metric][column] is not None
        ]
        if points:
            x, y, text = zip(*points, strict=True)
            traces.append(
                go.Box(
                    name=plain(entry["system"]), x=x, y=y, text=text,
                    boxpoints="all", jitter=0.4, pointpos=0, line_width=1.5, marker_size=5,
                    marker_color=colours[entry["system"]], hovertemplate="%{text}<br>%{y:.2f} dB",
                )
            )  # fmt: skip
    if not traces:
        return None
    figure = go.Figure(traces)
    figure.update_layout(
        height=400,
        boxmode="group",
        xaxis={"categoryorder": "array", "categoryarray": COLUMNS, "fixedrange": True},
        yaxis={"title": "dB", "fixedrange": True, "zeroline": True},
    )
    return figure_json(figure)


def limit_bars(report: Mapping[str, Any]) -> str | None:
    """How close each system came to both limits, in percent; None where nothing was timed."""
    import plotly.graph_objects as go

    colours = system_colours(report)
    ratio = report["timing"]["limits"]["round_2_ratio"]
    first = report["timing"]["limits"]["round_1_seconds"]
    traces = []
    for entry in report["timing"]["systems"]:
        if not entry["songs"]:
            continue
        shares = {
            f"this run,<br>of {ratio:g} &times; duration": _most(entry, "share_of_round_2_limit"),
            f"this run,<br>of {first:g} s": _most(entry, "share_of_round_1_limit"),
        }
        if longest := entry["projection"]:
            song, second = f"{clock(longest['duration'])} song", "share_of_round_2_limit"
            shares[f"{song},<br>of {ratio:g} &times; duration"] = longest[second]
            shares[f"{song},<br>of {first:g} s"] = longest["share_of_round_1_limit"]
        traces.append(
            go.Bar(
                name=plain(entry["system"]), orientation="h", y=list(shares),
                x=[100 * share for share in shares.values()],
                marker_color=colours[entry["system"]], texttemplate="%{x:.1f} %",
                textposition="outside", cliponaxis=False, hovertemplate="%{x:.1f} % of the limit",
            )
        )  # fmt: skip
    if not traces:
        return None
    figure = go.Figure(traces)
    figure.add_vline(x=100, line_color=LIMIT, line_width=2, annotation_text="limit")
    end = max(112.0, *(1.15 * x for trace in traces for x in trace.x))
    bars = len({y for trace in traces for y in trace.y})
    figure.update_layout(
        height=150 + 4 * (24 + 20 * len(traces)),
        barmode="group",
        xaxis={"range": [0, end], "ticksuffix": " %", "fixedrange": True},
        # From above to below, with room for the word at the line's upper end.
        yaxis={"type": "category", "range": [bars - 0.5, -1], "fixedrange": True},
    )
    return figure_json(figure)


def stage_bars(report: Mapping[str, Any], timing: Mapping[str, Any]) -> str:
    """One system's seconds by stage: a stacked bar for every song, from its last run."""
    import plotly.graph_objects as go

    ratio = report["timing"]["limits"]["round_2_ratio"]
    first = report["timing"]["limits"]["round_1_seconds"]
    songs = timing["songs"]
    spent = [song["stages"] or {UNREPORTED: song["seconds"][-1]} for song in songs]
    texts = [
        f"{plain(song['song'])}<br>{song['median']:.2f} s in all<br>"
        f"{100 * song['share_of_round_2_limit']:.1f} % "
        f"of {ratio:g} &times; {song['duration']:.0f} s<br>"
        f"{100 * song['share_of_round_1_limit']:.1f} % of {first:g} s"
        for song in songs
    ]
    traces = [
        go.Bar(
            name=plain(stage), orientation="h", y=list(range(len(songs))), marker_color=colour,
            x=[stages.get(stage, 0) for stages in spent], text=texts, textposition="none",
            hovertemplate="%{fullData.name}: %{x:.2f} s<br>%{text}<extra></extra>",
        )
        for stage, colour in stage_colours(stage for stages in spent for stage in stages).items()
    ]  # fmt: skip
    figure = go.Figure(traces)
    figure.update_layout(
        height=170 + 26 * len(songs),
        barmode="stack",
        xaxis={"title": "seconds", "fixedrange": True},
        yaxis={
            "tickvals": list(range(len(songs))),
            "ticktext": [plain(_short(song["song"])) for song in songs],
            "autorange": "reversed",
            "fixedrange": True,
        },
        legend_traceorder="normal",
    )
    return figure_json(figure)


def limit_points(report: Mapping[str, Any]) -> str | None:
    """SDR against the share of the limit: a point per run of the audit, coloured by last level."""
    import plotly.graph_objects as go

    rows = [row for row in report["timing"]["audit"] if None not in (row["share"], row["sdr"])]
    last = [(row["levels"] or ["unknown"])[-1] for row in rows]
    levels = list(dict.fromkeys(last))
    traces = []
    for level, colour in zip(levels, COLOURS * len(levels), strict=False):
        chosen = [row for row, its in zip(rows, last, strict=True) if its == level]
        texts = [
            f"{plain(row['system'])}, {plain(row['song'])}<br>"
            f"{plain(' > '.join(row['levels']))}<br>"
            f"{row['limit']}, {row['cpus']} CPUs, {row['slowdown']:g} times slower, "
            f"fault: {row['fault']}"
            for row in chosen
        ]
        traces.append(
            go.Scatter(
                name=plain(level), mode="markers", text=texts, marker_color=colour, marker_size=9,
                x=[100 * row["share"] for row in chosen], y=[row["sdr"] for row in chosen],
                hovertemplate="%{y:.2f} dB, %{x:.1f} % of the limit<br>%{text}<extra></extra>",
            )
        )  # fmt: skip
    if not traces:
        return None
    figure = go.Figure(traces)
    figure.add_vline(x=100, line_color=LIMIT, line_width=2, annotation_text="limit")
    figure.update_layout(
        height=400,
        xaxis={"title": "share of the limit", "ticksuffix": " %", "rangemode": "tozero",
               "fixedrange": True},
        yaxis={"title": "SDR, dB", "fixedrange": True},
    )  # fmt: skip
    return figure_json(figure)


def figure_json(figure: Any) -> str:
    """Style a figure; returns JSON that is safe inside a <script>."""
    figure.update_layout(
        template="none",
        # Transparent, so that dark mode only has to change text and lines.
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"family": "system-ui, sans-serif", "size": 12},
        hoverlabel_align="left",
        legend={"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
        dragmode=False,  # otherwise a finger on a plot would not scroll the page
    )
    if not figure.layout.margin.l:
        figure.update_layout(margin={"l": 8, "r": 16, "t": 8, "b": 40})
    figure.update_xaxes(automargin=True)
    figure.update_yaxes(automargin=True)
    return str(figure.to_json(engine="json")).replace("<", "\\u003c")


def plain(text: str) -> str:
    """Escape text for plotly, which interprets some tags."""
    return html.escape(text, quote=False)


def clock(seconds: float) -> str:
    """Minutes and seconds, such as 7:10."""
    return f"{round(seconds) // 60}:{round(seconds) % 60:02d}"


def _most(timing: Mapping[str, Any], share: str) -> float:
    return max(float(song[share]) for song in timing["songs"])


def _short(name: str) -> str:
    return name if len(name) <= LONGEST_LABEL else f"{name[: LONGEST_LABEL - 1]}…"
