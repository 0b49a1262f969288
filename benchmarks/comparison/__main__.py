"""`python -m benchmarks.comparison`: the paper's comparisons, in miniature and at equal time.

Small networks are trained for vocals and drums for the same time on one CPU each: TFC-TDF v1 or v2,
absolute or squared error, n_fft and bins per source or one n_fft for all; then with a Mixer. SDR is
measured on held-out songs. Results are kept in --out, from which the same command continues. With
`--record` each seed that is finished goes into benchmarks/comparison/record.jsonl, and those in it
are not trained again: several machines or days can share the work.
"""

import argparse
import json
import shutil
import statistics
import sys
from functools import partial
from pathlib import Path

import torch

from benchmarks.command import errors_in_one_line, keep_settings
from benchmarks.comparison.record import PATH, Compared, Scores, Seed, add, hash_songs, recorded
from benchmarks.comparison.variants import (
    BASE,
    SEEDS,
    SOURCES,
    VARIANTS,
    Job,
    Steps,
    hash_configurations,
    jobs_of,
    plan,
)
from benchmarks.held_out import score, score_with_mixer, write_system
from benchmarks.trainings import first_complete, train_all
from evaluator.json_files import write_json
from evaluator.sections import page_with, replace_section
from evaluator.tables import markdown_table
from mdx.machine import available_cpus, cpu_model
from training.fit import fit
from training.hardware import Hardware
from training.origin import Origin, git_commit
from training.songs import find_songs, split_songs

MIXED = "the first, with a Mixer"
SECTION = "comparison"


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


def mix(jobs: list[Job], data: Path, out: Path) -> dict[str, float]:
    """Vocals and drums of a seed's first variant with a Mixer, which sees the demo's other two."""
    mine = [job for job in jobs if job.variant == BASE]
    configs = {job.source: job.config for job in mine}
    system = write_system(out / "weights", mine[0].system, configs)
    return score_with_mixer(system, data, SOURCES, configs=configs)


def run_seed(seed: int, steps: Steps, data: Path, out: Path, workers: int) -> Scores:
    """Train and score everything with one seed."""
    jobs = jobs_of(seed, steps)
    done = run_all(jobs, data, out, workers)
    scores: Scores = {variant: {} for variant in VARIANTS}
    for job, sdr in done.items():
        scores[job.variant][job.source] = sdr
    return {**scores, MIXED: mix(jobs, data, out)}


def table(seeds: list[Seed]) -> str:
    """Means over seeds, and the spread from the lowest to the highest."""
    steps = {(variant, source): count for variant, source, count in seeds[0].steps}
    lines = []
    for variant in (*VARIANTS, MIXED):
        cells = []
        for source in SOURCES:
            found = [seed.scores[variant][source] for seed in seeds]
            spread = f"({min(found):.2f} to {max(found):.2f})"
            cells += [f"{statistics.mean(found):.2f} {spread}"]
            cells += [f"{steps.get((variant, source), '-')}"]
        lines.append([variant, *cells])
    header = [cell for source in SOURCES for cell in (f"{source}, dB", "steps")]
    return markdown_table(["network", *header], lines)


def run(args: argparse.Namespace) -> list[Seed]:
    """All seeds; those of the record first, if it is in use."""
    out = args.out / f"{args.minutes:g}"  # networks of other minutes have the same names
    keep_settings(
        out, data=str(args.data.resolve()), cpu=cpu_model(), cpus=available_cpus(),
        configurations=hash_configurations(),
    )  # fmt: skip
    compared = Compared(args.minutes, hash_songs(args.data))
    done = recorded(PATH, compared) if args.record else []
    steps = done[0].steps if done else plan(out, 60 * args.minutes)
    for number in SEEDS:
        if number not in [seed.seed for seed in done]:
            seed = Seed(number, steps, run_seed(number, steps, args.data, out, args.jobs))
            done.append(seed)
            if args.record:
                add(PATH, compared, seed)
    return done


def main() -> int:
    """Train, score and print the table; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.comparison", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("out/songs"), help="train/ and test/")
    parser.add_argument("--out", type=Path, default=Path("out/comparison"))
    parser.add_argument("--minutes", type=float, default=20.0, help="of each training")
    parser.add_argument("--jobs", type=int, default=available_cpus(), help="trainings at a time")
    parser.add_argument(
        "--record", action="store_true",
        help="train only seeds that are not in the record, and add each to it",
    )  # fmt: skip
    parser.add_argument(
        "--page", type=page_with(SECTION), help="put the table between this page's marks"
    )
    args = parser.parse_args()
    with errors_in_one_line():
        told = (
            f"Minutes of one CPU each: {args.minutes:g}; mean SDR of the test songs, mean over "
            f"{len(SEEDS)} seeds (lowest to highest):\n\n{table(run(args))}"
        )
        if args.page:
            replace_section(args.page, SECTION, told)
    print(told)
    return 0


if __name__ == "__main__":
    sys.exit(main())
