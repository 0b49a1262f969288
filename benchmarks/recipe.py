"""`python -m benchmarks.recipe`: what each choice in a network's training is worth, at equal time.

The network of `synthetic` is trained from nothing for the same CPU time, each time with one choice
changed, and scored on held-out songs. So are four networks v2 in its place, each for a quarter of
the time. Results are kept in --out, from which the same command continues.
"""

import argparse
import json
import statistics
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from benchmarks.command import errors_in_one_line, keep_settings
from benchmarks.pace import measure_paces
from benchmarks.trainings import first_complete, train_all
from evaluator.fingerprints import hash_facts
from evaluator.json_files import write_json
from evaluator.sections import page_with, replace_section
from evaluator.tables import markdown_table
from mdx.machine import available_cpus, cpu_model
from mdx.runtimes.onnx import OnnxNetwork
from mdx.systems.spec import SOURCES
from training.config import ALL, SeparatorConfig, read_config, targets
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
# Of a configuration, what is not the network.
TRAINING = (
    "learning_rate", "loss", "optimizer", "schedule", "weight_decay", "precision", "batch", "clip",
    "ema", "data", "held_out", "train_frames",
)  # fmt: skip
# What differs from the configuration; `data` key by key. `songs` is the share of songs in use, `v2`
# the growth of four networks of the sizes of demo.yaml.
VARIANTS: Mapping[str, Mapping[str, Any]] = {
    BASE: {},
    "32 channels": {"width": 32},
    "64 channels": {"width": 64},
    "v2, a network for each stem": {"v2": 16},
    "v2, half as wide": {"v2": 8},
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

Training = tuple[str, str]  # a variant, and the source that is trained, or `all`


def configs_of(variant: str) -> dict[str, SeparatorConfig]:
    """The configurations of a variant's networks by source, or `all`, without numbers of steps."""
    values = {key: value for key, value in VARIANTS[variant].items() if key != "songs"}
    growth = values.pop("v2", None)
    # For all frequencies, as a system of this network alone would need.
    base = replace(read_config("synthetic")[ALL], learning_rate=RATE, first_bin=0)
    data = replace(base.data, **values.pop("data", {}))
    config = replace(base, **values, data=data, precision=Hardware("cpu").precision)
    if growth is None:
        return {ALL: config}
    training = {key: getattr(config, key) for key in TRAINING}
    sizes = read_config("demo")
    return {name: replace(sizes[name], growth=growth, **training) for name in SOURCES}


def measure_pace(variants: Sequence[str]) -> dict[Training, float]:
    """CPU seconds of a step by training."""
    return measure_paces({
        (variant, source): SeparatorModule(config, scale=1.0)
        for variant in variants
        for source, config in configs_of(variant).items()
    })  # fmt: skip


def plan(out: Path, seconds: float, variants: Sequence[str]) -> dict[Training, int]:
    """The steps of every training that fit into a variant's seconds; each is measured once.

    Those that are measured later get as many seconds as the first row's steps take then.
    """
    path = out / f"steps-{seconds:g}.json"
    known: dict[str, int] = {}
    if path.exists():
        known = json.loads(path.read_text(encoding="utf-8"))
    wanted = [(variant, source) for variant in variants for source in configs_of(variant)]
    if missing := [training for training in wanted if key_of(training) not in known]:
        pace = measure_pace(list(dict.fromkeys([BASE, *(variant for variant, _ in missing)])))
        if first := known.get(key_of((BASE, ALL))):
            seconds = first * pace[BASE, ALL]
        networks = Counter(variant for variant, _ in pace)
        for training in missing:
            steps = max(1, round(seconds / networks[training[0]] / pace[training]))
            known[key_of(training)] = steps
        write_json(path, known)
    return {training: known[key_of(training)] for training in wanted}


def key_of(training: Training) -> str:
    """What a training's files are named after: another configuration is another training."""
    variant, source = training
    changes = VARIANTS[variant].get("songs"), variant == PLAIN
    return hash_facts(repr(configs_of(variant)[source]), source, changes)[:16]


def train(
    training: Training, steps: int, data: Path, tests: Sequence[Path], out: Path
) -> list[float]:
    """Train one network, or continue; returns its mean SDR on each set of test songs, in dB."""
    torch.set_num_threads(1)
    variant, source = training
    songs, validation = split_songs(find_songs(data))
    kept = songs[:: round(1 / VARIANTS[variant].get("songs", 1))]
    config = replace(configs_of(variant)[source], steps=steps, validate_every=steps)
    name = f"{key_of(training)}/{source}.onnx"
    fit(
        config, source, kept, first_complete(validation, source),
        out=out / "runs" / f"{name}-{steps}", weights=out / "weights", name=name, seed=SEED,
        hardware=Hardware("cpu"), resume=True,
        origin=Origin("python -m benchmarks.recipe", config=variant, commit=git_commit()),
    )  # fmt: skip
    network = OnnxNetwork(out / "weights" / name, name, threads=1)
    return [mean_score(network, config, source, find_songs(folder)) for folder in tests]


def mean_score(
    network: OnnxNetwork, config: SeparatorConfig, source: str, songs: Sequence[Song]
) -> float:
    """The mean over the sources that it makes of the mean global SDR over songs, in dB."""
    scores = [score_song(network, config.stft(config.frames), source, song) for song in songs]
    means = [[score[name] for score in scores if name in score] for name in targets(source)]
    return statistics.mean(statistics.mean(found) for found in means if found)


def run_all(steps: Mapping[Training, int], args: argparse.Namespace) -> dict[str, list[float]]:
    """The SDRs of the variants in `steps`, read from the disk if they were finished before."""
    done: dict[Training, list[float]] = {}
    waiting = {}
    for training, count in steps.items():
        path = _result(args.out, training, count)
        if path.exists():
            done[training] = json.loads(path.read_text(encoding="utf-8"))
        else:
            data = args.plain if training[0] == PLAIN else args.data
            waiting[training] = partial(train, training, count, data, args.test, args.out)
    for training, scores in train_all(waiting, args.jobs):
        done[training] = scores
        write_json(_result(args.out, training, steps[training]), scores)
        print(f"{', '.join(training)}: {scores}", flush=True)
    return means(done)


def means(done: Mapping[Training, Sequence[float]]) -> dict[str, list[float]]:
    """The SDRs of variants, each the mean over its networks."""
    found: dict[str, list[Sequence[float]]] = {}
    for (variant, _), scores in done.items():
        found.setdefault(variant, []).append(scores)
    return {
        variant: [statistics.mean(column) for column in zip(*rows, strict=True)]
        for variant, rows in found.items()
    }


def _result(out: Path, training: Training, steps: int) -> Path:
    return out / "results" / f"{key_of(training)}-{steps}.json"


def table(done: Mapping[str, Sequence[float]], steps: Mapping[Training, int], sets: int) -> str:
    """Every variant with its SDR on the first `sets` sets, and the difference to the first.

    The steps of several networks are added.
    """
    header = ["", "steps", *["mean SDR, dB", "difference"] * sets]
    lines = []
    for variant in (name for name in VARIANTS if name in done):
        pairs = list(zip(done[variant], done[BASE], strict=True))[:sets]
        cells = [cell for value, base in pairs for cell in (f"{value:.2f}", f"{value - base:+.2f}")]
        total = sum(count for (name, _), count in steps.items() if name == variant)
        lines.append([variant, f"{total}", *cells])
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
        "--only", action="append", choices=VARIANTS, metavar="ROW",
        help="train only what this row of the table and the first one need; may be repeated",
    )  # fmt: skip
    parser.add_argument(
        "--page", type=page_with(SECTION), help="put the table between this page's marks"
    )
    args = parser.parse_args()
    if args.only and args.page:
        parser.error("--page needs the whole table, without --only")
    with errors_in_one_line():
        folders = [args.data, *args.test, *([args.plain] if args.plain else [])]
        keep_settings(
            args.out, songs=[str(folder.resolve()) for folder in folders], cpu=cpu_model(),
            cpus=available_cpus(),
        )  # fmt: skip
        chosen = [BASE, *args.only] if args.only else list(VARIANTS)
        steps = plan(args.out, 60 * args.minutes, [
            name for name in VARIANTS if name in chosen and (name != PLAIN or args.plain)
        ])  # fmt: skip
        done = run_all(steps, args)
        told = f"Minutes of one CPU each: {args.minutes:g}; one seed; mean over four sources:\n\n"
        if args.page:
            replace_section(args.page, SECTION, told + table(done, steps, 1))
    print(told + table(done, steps, len(args.test)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
