"""How all figures look, and that the same data makes the same file."""

from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from mdx.files import write_atomically

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SETTINGS: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e4e4e4",
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "mdx",
}
PAPER, ACCENT, LINE, INK = "#f4f2ec", "#dbe8f4", "#f3dfc4", "#3a3a3a"


def figure(*, width: float, height: float) -> "tuple[Figure, Axes]":
    """An empty chart of so many inches, and its axes; matplotlib must be installed."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    mpl.rcParams.update(SETTINGS)
    canvas = Figure(figsize=(width, height), layout="constrained", facecolor="white")
    return canvas, canvas.add_subplot()


def picture(*, width: float, height: float) -> "tuple[Figure, Axes]":
    """The same without axes, for boxes and arrows."""
    canvas, axes = figure(width=width, height=height)
    axes.set_axis_off()
    return canvas, axes


def save(canvas: "Figure", path: Path) -> None:
    """Write an SVG with nothing in it that changes from day to day."""
    text = StringIO()
    canvas.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    lines = (line.rstrip() for line in text.getvalue().splitlines())
    write_atomically(path, "\n".join(lines) + "\n")


class Box(NamedTuple):
    """The middle of a box, in columns and rows."""

    column: float
    row: float


class Boxes:
    """Boxes with text on a grid of columns and rows, the first row on top, and arrows."""

    def __init__(
        self, axes: "Axes", columns: int, rows: int, *, width: float = 0.76, height: float = 0.8
    ) -> None:
        """A box takes these fractions of its place."""
        self._axes = axes
        self._width, self._height = width, height
        axes.set_xlim(-0.5, columns - 0.5)
        axes.set_ylim(rows - 0.5, -0.5)

    def add(self, column: float, row: float, words: str, *, fill: str) -> Box:
        """Draw a box that holds some words."""
        from matplotlib.patches import FancyBboxPatch

        lines = words.count("\n") + 1
        height = max(self._height, 0.3 * lines)
        corner = column - self._width / 2, row - height / 2
        shape = FancyBboxPatch(
            corner, self._width, height, boxstyle="round,pad=0,rounding_size=0.06",
            facecolor=fill, edgecolor=INK, linewidth=0.8,
        )  # fmt: skip
        self._axes.add_patch(shape)
        self._axes.text(column, row, words, ha="center", va="center", fontsize=8, color=INK)
        return Box(column, row)

    def arrow(self, start: Box, end: Box, *, words: str = "") -> None:
        """Draw an arrow from box to box, with some words in its middle."""
        down = start.column == end.column
        half = self._height / 2 if down else self._width / 2
        if down:
            sign = 1 if end.row > start.row else -1
            ends = (start.column, start.row + sign * half), (end.column, end.row - sign * half)
        else:
            ends = (start.column + half, start.row), (end.column - half, end.row)
        self._axes.annotate(
            "", ends[1], ends[0],
            arrowprops={
                "arrowstyle": "-|>", "color": INK, "linewidth": 0.8, "shrinkA": 0, "shrinkB": 0,
            },
        )  # fmt: skip
        if words:
            across, along = ((first + last) / 2 for first, last in zip(*ends, strict=True))
            circle = {"boxstyle": "circle", "fc": "white", "ec": INK, "lw": 0.8}
            self._axes.text(across, along, words, ha="center", va="center", color=INK, bbox=circle)
