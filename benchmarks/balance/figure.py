"""A plot of published SDR against the share of the time limit."""

from pathlib import Path

from benchmarks.balance.contenders import Run, published_sdr
from benchmarks.balance.measure import SONGS, Figures, title_of
from benchmarks.balance.tables import is_published, shares
from benchmarks.figures.style import figure, save

OURS = "#1f6fb4"
OTHERS = "#8a8a8a"
LIMIT = "#c0392b"


def draw_balance(figures: Figures, runs: list[Run], path: Path) -> None:
    """Draw one point per system, run as published, and the limit as a line; write an SVG.

    The limit is 1.57 x the duration, for MUSDB's longest song.
    """
    measured, longest = figures.values["machine"]["seconds"], max(SONGS.values())
    canvas, axes = figure(width=7.2, height=4.4)
    for run in runs:
        known, sdr = figures.of(run), published_sdr(run.system)
        if not known["runs"] or sdr is None or not is_published(run):
            continue
        _, share = shares(known, measured, longest)
        ours = run.system in ("mdx_net", "mdx_net_no_mixer", "leaderboard_a")
        colour = OURS if ours else OTHERS
        axes.plot(share, sdr, "o", color=colour, markersize=7)
        axes.annotate(title_of(run), (share, sdr), (6, 5), textcoords="offset points", fontsize=8)
    axes.axvline(1, color=LIMIT, linewidth=1.2)
    axes.annotate("the limit", (1, axes.get_ylim()[0]), (4, 4), textcoords="offset points",
                  color=LIMIT, fontsize=8)  # fmt: skip
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set_xlabel("share of the time limit (1.57 x the duration), measured here")
    axes.set_ylabel("published SDR, mean of four sources (dB)")
    save(canvas, path)
