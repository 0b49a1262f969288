"""The U of TFC-TDF-U-Net v2, every size of it read from a spec."""

from pathlib import Path

from benchmarks.figures.style import ACCENT, LINE, PAPER, Boxes, picture, save
from models.tfc_tdf import TfcTdfSpec

Size = tuple[int, int, int]  # channels, frames, bins


def level_sizes(spec: TfcTdfSpec, frames: int) -> list[Size]:
    """What goes through the blocks of every level, outermost first; the last is the middle's."""
    return [
        (spec.growth * (level + 1), frames >> level, spec.dim_f >> level)
        for level in range(spec.n_levels + 1)
    ]


def draw_u_net(spec: TfcTdfSpec, frames: int, path: Path) -> None:
    """Draw the network for chunks of so many frames, and write an SVG.

    Shape of what is drawn: (4, dim_f, frames) -> the same
    """
    sizes = level_sizes(spec, frames)
    rows = len(sizes) + 1
    canvas, axes = picture(width=7.6, height=0.62 * rows + 0.2)
    boxes = Boxes(axes, 3, rows, width=0.92)
    ends = f"{spec.channels} x {frames} x {spec.dim_f:,}"
    last = boxes.add(0, 0, f"mixture {ends}\n1x1 convolution", fill=PAPER)
    out = boxes.add(2, 0, f"one source {ends}\n1x1 convolution", fill=PAPER)
    ups = []
    for level, size in enumerate(sizes[:-1]):
        words = block_words(spec, size)
        down = boxes.add(0, level + 1, words, fill=ACCENT)
        up = boxes.add(2, level + 1, words, fill=ACCENT)
        boxes.arrow(last, down)
        boxes.arrow(down, up, words="x")  # skips are multiplied
        ups.append(up)
        last = down
    middle = boxes.add(1, rows - 1, block_words(spec, sizes[-1]), fill=LINE)
    boxes.arrow(last, middle)
    for below, above in zip([middle, *reversed(ups)], [*reversed(ups), out], strict=True):
        boxes.arrow(below, above)
    save(canvas, path)


def block_words(spec: TfcTdfSpec, size: Size) -> str:
    """One block: its channels, frames and bins, and what is in it."""
    channels, frames, bins = size
    units = bins // spec.bottleneck
    return (
        f"{channels} x {frames} x {bins:,}\n"
        f"TFC {spec.n_layers} x {spec.kernel}x{spec.kernel}, TDF {bins:,}-{units}-{bins:,}"
    )
