"""What a part is measured on, and how a call is timed."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import torch

from benchmarks.gpu.devices import Device
from benchmarks.gpu.sizes import SIZES, Size

BATCHES = (1, 8)  # chunks in a call
Figures = dict[str, float | str]


@dataclass(frozen=True)
class Task:
    """What a part is measured on."""

    device: Device
    folder: Path  # of the networks
    seconds: float  # that the part may take

    @property
    def size(self) -> Size:
        """How large everything is on this kind of device."""
        return SIZES[self.device.kind]

    def speed(self, operations: float, seconds: float, precision: str) -> Figures:
        """Operations a second, and as a share of the peak of a precision."""
        share = self.device.share(operations / seconds, precision)
        return {
            "TFLOP/s": operations / seconds / 1e12,
            f"% of the {precision} peak": "unknown" if share is None else share,
        }


def named(name: str, figures: Figures) -> Figures:
    """Figures of one case of several."""
    return {f"{name}: {key}": value for key, value in figures.items()}


def call_seconds(task: Task, work: Callable[[], object]) -> float:
    """Seconds of one call, the median; the first two prepare the device."""
    taken = []
    for _ in range(task.size.runs + 2):
        started = time.perf_counter()
        work()
        if task.device.kind == "cuda" and torch.cuda.is_available():
            torch.cuda.synchronize()
        taken.append(time.perf_counter() - started)
    return median(taken[2:])
