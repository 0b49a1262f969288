"""`python -m benchmarks.recipe`: what each choice in a network's training is worth, at equal time.

The network of `synthetic` is trained from nothing for the same CPU time, each time with one choice
changed, and scored on held-out songs. Results are kept in --out, from which the same command
continues.
"""

import argparse
import json
import statistics
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from benchmarks.command import errors_in_one_line, keep_settings
from benchmarks.pace import measure_paces
from benchmarks.trainings import first_complete, train_all
from evaluator.json_files import write_json
from evaluator.sections import page_with, replace_section
from evaluator.tables import markdown_table
from mdx.machine import available_cpus
from mdx.runtimes.onnx import OnnxNetwork
from mdx.systems.spec import SOURCES
from training.config import ALL, SeparatorConfig, read_config
from training.fit import fit
from training.hardware import Hardware
from training.module import SeparatorModule
from training.origin import Origin, git_commit
from training.songs import Song, find_songs, split_songs
from training.validation import score_song

RATE = 2e-3  # of a training that starts from nothing
SEED = 1
SECTION = "recipe"  # of the page
BASE = "as configured"
PLAIN = "songs without packs"  # those of --plain in place of --data
# What differs from the configuration; `data` key by key. `songs` is the share of songs in use.
VARIANTS: Mapping[str, Mapping[str, Any]] = {
    BASE: {},
    "32 channels": {"width": 32},
    "64 channels": {"width": 64},
    "absolute error": {"loss": "l1"},
    "learning rate 1e-3": {"learning_rate": 1e-3},
    "learning rate 4e-3": {"learning_rate": 4e-3},
    "batch of 2": {"batch": 2},
    "batch of 8": {"batch": 8},
    "weights not averaged": {"ema": 0.0},
    "stems always from different songs": {"data": {"whole_song": 0.0}},
    "stems always from one song": {"data": {"whole_song": 1.0}},
    "silent chunks not drawn again": {"data": {"quiet": 0.0}},
    "no change of speed": {"data": {"speed": 0.0}},
    "no change of treble": {"data": {"treble": {}}},
    "half of the songs": {"songs": 0.5},
    "a tenth of the songs": {"songs": 0.1},
    PLAIN: {},
}


def config_of(variant: str) -> SeparatorConfig:
    """The configuration of a variant, without its number of steps."""
    values = {key: value for key, value in VARIANTS[variant].items() if key != "songs"}
    # For all frequencies, as a system of this network alone would need.
    base = replace(read_config("synthetic")[ALL], learning_rate=RATE, first_bin=0)
    data = replace(base.data, **values.pop("data", {}))
    return replace(base, **values, data=data, precision=Hardware("cpu").precision)


def measure_pace() -> dict[str, float]:
    """CPU seconds of a step by variant."""
    return measure_paces({name: SeparatorModule(config_of(name), scale=1.0) for name in VARIANTS})


def plan(out: Path, seconds: float) -> dict[str, int]:
    """The steps of every variant that fit into this many seconds; measured once."""
    path = out / f"steps-{seconds:g}.json"
    if not path.exists():
        pace = measure_pace()
        write_json(path, {name: max(1, round(seconds / taken)) for name, taken in pace.items()})
    steps: dict[str, int] = json.loads(path.read_text(encoding="utf-8"))
    return steps


def train(variant: str, steps: int, data: Path, tests: Sequence[Path], out: Path) -> list[float]:
    """Train one network, or continue; returns its mean SDR on each set of test songs, in dB."""
    torch.set_num_threads(1)
    training, validation = split_songs(find_songs(data))
    kept = training[:: round(1 / VARIANTS[variant].get("songs", 1))]
    config = replace(config_of(variant), steps=steps, validate_every=steps)
    name = f"{list(VARIANTS).index(variant)}/{ALL}.onnx"
    fit(
        config, ALL, kept, first_complete(validation, ALL), out=out / "runs" / f"{name}-{steps}",
        weights=out / "weights", name=name, seed=SEED, hardware=Hardware("cpu"), resume=True,
        origin=Origin("python -m benchmarks.recipe", config=variant, commit=git_commit()),
    )  # fmt: skip
    network = OnnxNetwork(out / "weights" / name, name, threads=1)
    return [mean_score(network, config, find_songs(folder)) for folder in tests]


def mean_score(network: OnnxNetwork, config: SeparatorConfig, songs: Sequence[Song]) -> float:
    """The mean over sources of the mean global SDR over songs, in dB."""
    scores = [score_song(network, config.stft(config.frames), ALL, song) for song in songs]
    means = [[score[source] for score in scores if source in score] for source in SOURCES]
    return statistics.mean(statistics.mean(found) for found in means if found)


def run_all(steps: Mapping[str, int], args: argparse.Namespace) -> dict[str, list[float]]:
    """The SDRs of the variants in `steps`, read from the disk if they were finished before."""
    done: dict[str, list[float]] = {}
    waiting = {}
    for variant, count in steps.items():
        path = _result(args.out, variant, count)
        if path.exists():
            done[variant] = json.loads(path.read_text(encoding="utf-8"))
        else:
            data = args.plain if variant == PLAIN else args.data
            waiting[variant] = partial(train, variant, count, data, args.test, args.out)
    for variant, scores in train_all(waiting, args.jobs):
        done[variant] = scores
        write_json(_result(args.out, variant, steps[variant]), scores)
        print(f"{variant}: {scores}", flush=True)
    return done


def _result(out: Path, variant: str, steps: int) -> Path:
    return out / "results" / f"{list(VARIANTS).index(variant)}-{steps}.json"


def table(done: Mapping[str, Sequence[float]], steps: Mapping[str, int], sets: int) -> str:
    """Every variant with its SDR on the first `sets` sets, and the difference to the first."""
    header = ["", "steps", *["mean SDR, dB", "difference"] * sets]
    lines = []
    for variant, scores in done.items():
        pairs = list(zip(scores, done[BASE], strict=True))[:sets]
        cells = [cell for value, base in pairs for cell in (f"{value:.2f}", f"{value - base:+.2f}")]
        lines.append([variant, f"{steps[variant]}", *cells])
    return markdown_table(header, lines)


def main() -> int:
    """Train, score and print the table; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.recipe", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="training songs")
    parser.add_argument(
        "--plain", type=Path, help="as many training songs composed without packs: one more row"
    )
    parser.add_argument(
        "--test", type=Path, action="append", required=True,
        help="test songs; may be repeated, and only the first set goes into the page",
    )  # fmt: skip
    parser.add_argument("--out", type=Path, default=Path("out/recipe"))
    parser.add_argument("--minutes", type=float, default=20.0, help="of one CPU, for each training")
    parser.add_argument("--jobs", type=int, default=available_cpus(), help="trainings at a time")
    parser.add_argument(
        "--page", type=page_with(SECTION), help="put the table between this page's marks"
    )
    args = parser.parse_args()
    with errors_in_one_line():
        folders = [args.data, *args.test, *([args.plain] if args.plain else [])]
        keep_settings(
            args.out, songs=[str(folder.resolve()) for folder in folders],
            configuration=repr(config_of(BASE)),
        )  # fmt: skip
        planned = plan(args.out, 60 * args.minutes)
        steps = {name: count for name, count in planned.items() if name != PLAIN or args.plain}
        found = run_all(steps, args)
        done = {variant: found[variant] for variant in steps}
        told = f"Minutes of one CPU each: {args.minutes:g}; one seed; mean over four sources:\n\n"
        if args.page:
            replace_section(args.page, SECTION, told + table(done, steps, 1))
    print(told + table(done, steps, len(args.test)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
