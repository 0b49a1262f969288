"""A plot of published SDR against the share of the time limit."""

from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.balance.contenders import Run, published_sdr
from benchmarks.balance.measure import SONGS, Figures, title_of
from benchmarks.balance.tables import is_published, shares
from benchmarks.figures.style import figure, save

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.transforms import BboxBase

OURS = "#1f6fb4"
OTHERS = "#8a8a8a"
LIMIT = "#c0392b"
# Places for a name: how it is aligned, and its steps to the right of the point and above it.
PLACES = (("left", 1, 1), ("left", 1, -1), ("right", -1, 1), ("right", -1, -1))


def draw_balance(figures: Figures, runs: list[Run], path: Path) -> None:
    """Draw one point per system, run as published, and the limit as a line; write an SVG.

    The limit is 1.57 x the duration, for MUSDB's longest song.
    """
    measured, longest = figures.values["machine"]["seconds"], max(SONGS.values())
    canvas, axes = figure(width=7.2, height=4.4)
    axes.set_xscale("log")
    points = []
    for run in runs:
        known, sdr = figures.of(run), published_sdr(run.system)
        if not known["runs"] or sdr is None or not is_published(run):
            continue
        _, share = shares(known, measured, longest)
        ours = run.system in ("mdx_net", "mdx_net_no_mixer", "leaderboard_a")
        axes.plot(share, sdr, "o", color=OURS if ours else OTHERS, markersize=7)
        points.append((title_of(run), share, sdr))
    axes.axvline(1, color=LIMIT, linewidth=1.2)
    axes.annotate("the limit", (1, axes.get_ylim()[0]), (4, 4), textcoords="offset points",
                  color=LIMIT, fontsize=8)  # fmt: skip
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set_xlabel("share of the time limit (1.57 x the duration), measured here")
    axes.set_ylabel("published SDR, mean of four sources (dB)")
    canvas.draw_without_rendering()  # the layout, by which names are placed
    _name_points(axes, points)
    save(canvas, path)


def _name_points(axes: "Axes", points: list[tuple[str, float, float]]) -> None:
    # The first place in which a name covers no point and no other name, or else the last.
    taken: list[BboxBase] = [line.get_window_extent() for line in axes.lines[:-1]]  # the limit
    for name, share, sdr in points:
        for place in PLACES:
            side, right, up = place
            label = axes.annotate(
                name, (share, sdr), (6 * right, 5 * up), textcoords="offset points",
                fontsize=8, ha=side, va="bottom" if up > 0 else "top",
            )  # fmt: skip
            box = label.get_window_extent()
            if place == PLACES[-1] or not any(box.overlaps(other) for other in taken):
                taken.append(box)
                break
            label.remove()
