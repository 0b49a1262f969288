"""`python -m benchmarks.comparison`: the paper's comparisons, in miniature and at equal time.

Small networks are trained for vocals and drums for the same time on one CPU each: TFC-TDF v1 or v2,
absolute or squared error, n_fft and bins per source or one n_fft for all; then with a Mixer. SDR is
measured on held-out songs. Results are kept in --out, from which the same command continues.
"""

import argparse
import json
import shutil
import statistics
import sys
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch

from benchmarks.command import errors_in_one_line, keep_settings
from benchmarks.held_out import score, score_with_mixer, write_system
from benchmarks.pace import measure_paces
from benchmarks.trainings import first_complete, train_all
from evaluator.fingerprints import hash_facts
from evaluator.json_files import write_json
from evaluator.sections import page_with, replace_section
from mdx.machine import available_cpus, cpu_model
from training.config import SeparatorConfig, read_config
from training.fit import fit
from training.hardware import Hardware
from training.module import SeparatorModule
from training.origin import Origin, git_commit
from training.songs import find_songs, split_songs

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
MIXED = "the first, with a Mixer"
SECTION = "comparison"

Scores = dict[str, list[float]]  # dB by seed, for a source of a variant


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


def measure_pace() -> dict[tuple[str, str], float]:
    """CPU seconds of a step by variant and source."""
    keys = [(variant, source) for variant in VARIANTS for source in SOURCES]
    return measure_paces({key: SeparatorModule(small_config(*key), scale=1.0) for key in keys})


def plan(out: Path, seconds: float) -> list[Job]:
    """All trainings, each with the steps that fit into this many seconds; deterministic."""
    path = out / f"steps-{seconds:g}.json"
    if not path.exists():
        steps = [
            [variant, source, max(1, round(seconds / pace))]
            for (variant, source), pace in measure_pace().items()
        ]
        write_json(path, steps)
    found = json.loads(path.read_text(encoding="utf-8"))
    return [Job(variant, source, seed, steps) for seed in SEEDS for variant, source, steps in found]


def train(job: Job, data: Path, out: Path) -> float:
    """Train one network; returns its mean SDR on the test songs, in dB."""
    torch.set_num_threads(1)
    training, validation = split_songs(find_songs(data / "train"))
    weights, name = out / "weights", f"{job.system}/{job.source}.onnx"
    origin = Origin("python -m benchmarks.comparison", config=job.variant, commit=git_commit())
    fit(
        job.config, job.source, training, first_complete(validation, job.source),
        out=out / "runs" / name, weights=weights, name=name, seed=job.seed, origin=origin,
        hardware=Hardware("cpu"),
    )  # fmt: skip
    system = write_system(weights, job.system, {job.source: job.config})
    return score(system, data / "test", (job.source,))[job.source]


def run_all(jobs: list[Job], data: Path, out: Path, workers: int) -> dict[Job, float]:
    """The SDR of every job, read from the disk if it was finished before."""
    done: dict[Job, float] = {}
    waiting = {}
    for job in jobs:
        path = _result(out, job)
        if path.exists():
            done[job] = json.loads(path.read_text(encoding="utf-8"))["sdr"]
            continue
        shutil.rmtree(out / "runs" / job.system / f"{job.source}.onnx", ignore_errors=True)
        waiting[job] = partial(train, job, data, out)
    for job, sdr in train_all(waiting, workers):
        done[job] = sdr
        write_json(_result(out, job), {"sdr": sdr, "steps": job.steps})
        print(f"{job.variant}, {job.source}, seed {job.seed}: {sdr:.2f} dB", flush=True)
    return done


def _result(out: Path, job: Job) -> Path:
    return out / "results" / f"{job.system}-{job.source}-{job.steps}.json"


def mix_all(jobs: list[Job], data: Path, out: Path) -> dict[str, Scores]:
    """Vocals and drums of the first variant with a Mixer, which also sees the demo's other two."""
    scores: Scores = {source: [] for source in SOURCES}
    for seed in SEEDS:
        mine = [job for job in jobs if job.variant == BASE and job.seed == seed]
        configs = {job.source: job.config for job in mine}
        system = write_system(out / "weights", mine[0].system, configs)
        for source, value in score_with_mixer(system, data, SOURCES, configs=configs).items():
            scores[source].append(value)
    return {MIXED: scores}


def table(scores: dict[str, Scores], jobs: list[Job]) -> str:
    """Means over seeds, and the spread from the lowest to the highest."""
    steps = {(job.variant, job.source): job.steps for job in jobs}
    lines = [
        "| network | " + " | ".join(f"{source}, dB | steps" for source in SOURCES) + " |",
        "| --- |" + " ---: | ---: |" * len(SOURCES),
    ]
    for variant, found in scores.items():
        cells = [
            f"{statistics.mean(found[source]):.2f} ({min(found[source]):.2f} to "
            f"{max(found[source]):.2f}) | {steps.get((variant, source), '-')}"
            for source in SOURCES
        ]
        lines.append(f"| {variant} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> int:
    """Train, score and print the table; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.comparison", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("out/songs"), help="train/ and test/")
    parser.add_argument("--out", type=Path, default=Path("out/comparison"))
    parser.add_argument("--minutes", type=float, default=20.0, help="of each training")
    parser.add_argument("--jobs", type=int, default=available_cpus(), help="trainings at a time")
    parser.add_argument(
        "--page", type=page_with(SECTION), help="put the table between this page's marks"
    )
    args = parser.parse_args()
    with errors_in_one_line():
        out = args.out / f"{args.minutes:g}"  # networks of other minutes have the same names
        keep_settings(
            out, data=str(args.data.resolve()), cpu=cpu_model(), cpus=available_cpus(),
            configurations=hash_facts(repr(read_config("demo")), SMALL, OWN, VARIANTS),
        )  # fmt: skip
        jobs = plan(out, 60 * args.minutes)
        done = run_all(jobs, args.data, out, args.jobs)
        scores: dict[str, Scores] = {variant: {s: [] for s in SOURCES} for variant in VARIANTS}
        for job in jobs:
            scores[job.variant][job.source].append(done[job])
        told = table({**scores, **mix_all(jobs, args.data, out)}, jobs)
        told = (
            f"Minutes of one CPU each: {args.minutes:g}; mean SDR of the test songs, mean over "
            f"{len(SEEDS)} seeds (lowest to highest):\n\n{told}"
        )
        if args.page:
            replace_section(args.page, SECTION, told)
    print(told)
    return 0


if __name__ == "__main__":
    sys.exit(main())
