"""The variants that are compared, and how many training steps the same time buys for each."""

import json
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.pace import measure_paces
from evaluator.fingerprints import hash_facts
from evaluator.json_files import write_json
from training.config import SeparatorConfig, read_config
from training.hardware import Hardware
from training.module import SeparatorModule

SOURCES = ("vocals", "drums")
SEEDS = (1, 2, 3)
SMALL = {
    "hop": 1024, "train_frames": 32, "frames": 128, "n_blocks": 7, "n_layers": 2, "growth": 8,
    "bottleneck": 16, "batch": 4, "loss": "l1",
}  # fmt: skip
OWN = {"vocals": {"n_fft": 4096, "dim_f": 768}, "drums": {"n_fft": 2048, "dim_f": 768}}
VARIANTS: dict[str, dict[str, object]] = {
    "v2, absolute error, n_fft and bins of its own": {},
    "v2, squared error": {"loss": "mse"},
    "v2, n_fft 2048 for all, no bins cut": {"n_fft": 2048, "dim_f": 1024},
    # The same width on all levels, which dense connections compensate for.
    "v1, n_fft 2048 for all, no bins cut": {
        "architecture": "tfc_tdf_v1", "n_fft": 2048, "dim_f": 1025, "growth": 12, "n_layers": 3,
    },
}  # fmt: skip
BASE = next(iter(VARIANTS))

Steps = list[tuple[str, str, int]]  # a variant, a source, and the steps of their training


@dataclass(frozen=True)
class Job:
    """One training."""

    variant: str
    source: str
    seed: int
    steps: int

    @property
    def system(self) -> str:
        """The name of its network's system."""
        return f"{list(VARIANTS).index(self.variant)}-{self.seed}"

    @property
    def config(self) -> SeparatorConfig:
        """Its training configuration, with one validation at the end."""
        small = small_config(self.variant, self.source)
        return replace(small, steps=self.steps, validate_every=self.steps)


def small_config(variant: str, source: str) -> SeparatorConfig:
    """The demo's training configuration, for a network of this variant at the smallest size."""
    precision = {"precision": Hardware("cpu").precision}
    values = {**SMALL, **precision, **OWN[source], **VARIANTS[variant]}
    return replace(read_config("demo")[source], **values)  # type: ignore[arg-type]


def hash_configurations() -> str:
    """One sha256 of everything that makes a variant what it is, on any machine."""
    return hash_facts(repr(read_config("demo")), SMALL, OWN, VARIANTS)


def measure_pace() -> dict[tuple[str, str], float]:
    """CPU seconds of a step by variant and source."""
    keys = [(variant, source) for variant in VARIANTS for source in SOURCES]
    return measure_paces({key: SeparatorModule(small_config(*key), scale=1.0) for key in keys})


def plan(out: Path, seconds: float) -> Steps:
    """The steps of every training that fit into this many seconds, measured once."""
    path = out / f"steps-{seconds:g}.json"
    if not path.exists():
        steps = [
            [variant, source, max(1, round(seconds / pace))]
            for (variant, source), pace in measure_pace().items()
        ]
        write_json(path, steps)
    return [(v, s, count) for v, s, count in json.loads(path.read_text(encoding="utf-8"))]


def jobs_of(seed: int, steps: Steps) -> list[Job]:
    """All trainings of a seed."""
    return [Job(variant, source, seed, count) for variant, source, count in steps]
