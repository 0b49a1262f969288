"""The flow of a system, drawn from its YAML: networks, what is done with their stems, stems."""

from pathlib import Path

from benchmarks.figures.style import ACCENT, LINE, PAPER, Boxes, picture, save
from mdx.systems.spec import CombinerSpec, EstimatorSpec, SystemSpec

TITLES = {"spectrogram": "TFC-TDF-U-Net", "magnitude": "magnitudes", "waveform": "Demucs-v2"}


def draw_flow(spec: SystemSpec, path: Path) -> None:
    """Draw a system whose estimators are followed by its combiners, and write an SVG."""
    rows = len(spec.estimators)
    columns = 3 + len(spec.combine)
    canvas, axes = picture(width=2.0 * columns, height=0.75 * rows + 0.3)
    boxes = Boxes(axes, columns, rows)
    mixture = boxes.add(0, (rows - 1) / 2, "mixture", fill=PAPER)
    ends = {part.name: boxes.add(1, row, estimator_words(part), fill=ACCENT)
            for row, part in enumerate(spec.estimators)}  # fmt: skip
    for end in ends.values():
        boxes.arrow(mixture, end)
    for column, step in enumerate(spec.combine, start=2):
        lower = 0.0 if step.estimator is None else 0.4  # nearer to the stems that waited for it
        found = boxes.add(column, (rows - 1) / 2 + lower, combiner_words(step), fill=LINE)
        waiting = {name for later in spec.combine[column - 1 :] if (name := later.estimator)}
        for name in [name for name in ends if name not in waiting]:
            boxes.arrow(ends.pop(name), found)
        ends[f"after {step.kind}"] = found
    stems = boxes.add(columns - 1, (rows - 1) / 2, "\n".join(spec.stems), fill=PAPER)
    for end in ends.values():
        boxes.arrow(end, stems)
    save(canvas, path)


def estimator_words(part: EstimatorSpec) -> str:
    """What an estimator is, in a few lines: its stems, its kind, its n_fft."""
    size = [f"n_fft {part.options['n_fft']:,}"] if "n_fft" in part.options else []
    makes = part.makes[0] if len(part.makes) == 1 else f"{len(part.makes)} stems"
    return "\n".join([makes, TITLES[part.kind], *size])


def combiner_words(step: CombinerSpec) -> str:
    """What is done with the stems, in a few lines."""
    if step.kind == "mixer":
        return "Mixer\nof the stems\nand the mixture"
    shares = step.options.get("shares", {})
    return "\n".join([step.kind, *(f"{stem} {share:g}" for stem, share in shares.items())])
