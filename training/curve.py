"""The curve of a training by step, in a file that the evaluator's report plots."""

import csv
import io
from pathlib import Path

from mdx.files import write_atomically

CURVE = "curve.csv"  # in a run's folder
HEADER = ["step", "name", "value"]


class Curve:
    """The loss and the validation SDR of a run, by step of the optimizer."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / CURVE
        self._rows: list[list[str]] = []

    def resume(self, step: int) -> None:
        """Continue the curve of a run at the step of its weights; later points are dropped."""
        if step and self._path.exists():
            with self._path.open(encoding="utf-8", newline="") as file:
                rows = list(csv.reader(file))[1:]
            self._rows = [row for row in rows if int(row[0]) <= step]

    def add(self, step: int, name: str, value: float) -> None:
        """Add a point; raises OutputError if the file cannot be written."""
        self._rows.append([str(step), name, f"{value:.6g}"])
        content = io.StringIO()
        csv.writer(content, lineterminator="\n").writerows([HEADER, *self._rows])
        write_atomically(self._path, content.getvalue().encode(), durable=True)
