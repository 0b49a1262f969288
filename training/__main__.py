"""`python -m training separator|release|mixer`: the paper's two steps from the command line."""

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from mdx.errors import ConfigError, MdxError
from mdx.machine import available_cpus
from mdx.systems.manifest import register_weights, weights_path
from mdx.systems.spec import MODELS, SOURCES
from training.config import (
    ALL,
    SEPARATOR_CHOICES,
    SeparatorConfig,
    config_of,
    read_config,
    read_mixer_config,
)
from training.fit import fit, wrote
from training.hardware import Hardware
from training.keep_best import last_checkpoint
from training.mixer import train_mixer, write_mixer
from training.origin import Origin, git_commit
from training.release import release_checkpoint
from training.rules import TrainingData, check_rules, describe_data
from training.songs import Song, find_songs, split_songs

log = logging.getLogger("training")


def get_parser() -> argparse.ArgumentParser:
    """The options of all steps."""
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    steps = parser.add_subparsers(dest="step", required=True)
    separator = _add_separator(steps)
    release = steps.add_parser("release", help="export the network of a checkpoint")
    release.add_argument("--source", choices=[*SOURCES, ALL], required=True)
    release.add_argument(
        "--checkpoint", type=Path, required=True, help="best.ckpt or last.ckpt of a run's folder"
    )
    mixer = steps.add_parser("mixer", help="step two: fit the Mixer on frozen separators")
    mixer.add_argument(
        "--system", required=True, help="the system without a Mixer, or its .yaml"
    )  # fmt: skip
    for step in (separator, release, mixer):
        step.add_argument(
            "--data", type=Path, action="append", required=True,
            help="folder of songs in MUSDB18-HQ layout; may be repeated",
        )  # fmt: skip
        step.add_argument(
            "--config", default="demo", help="a name from training/configs, or a YAML file"
        )
        step.add_argument(
            "--weights", type=Path, default=MODELS / "weights",
            help="folder of weights and their manifest (default: models/weights)",
        )  # fmt: skip
        step.add_argument("--out", help="folder below --weights; the config's name by default")
        step.add_argument(
            "--replace", action="store_true", help="overwrite the weights that are there"
        )
        step.add_argument("--seed", type=int, default=1)
    return parser


def _add_separator(
    steps: "argparse._SubParsersAction[argparse.ArgumentParser]",
) -> argparse.ArgumentParser:
    separator = steps.add_parser("separator", help="step one: train one separator, export it")
    separator.add_argument(
        "--source", choices=[*SOURCES, ALL], required=True, help="all: one network for all"
    )
    separator.add_argument(
        "--from", type=Path, dest="start", metavar="WEIGHTS",
        help="start from the weights of a .state.npz, which every training writes next to its "
        "network, with a fresh optimizer and schedule",
    )  # fmt: skip
    separator.add_argument("--resume", action="store_true", help="continue the last checkpoint")
    separator.add_argument(
        "--runs", type=Path, default=Path("out/training"), help="folder of checkpoints and logs"
    )
    separator.add_argument("--accelerator", choices=["auto", "cpu", "gpu"], default="auto")
    separator.add_argument("--devices", type=int, default=1, help="devices of this machine")
    separator.add_argument(
        "--nodes", type=int, default=1, help="number of machines; each runs this command with its "
        "own NODE_RANK, the MASTER_ADDR and MASTER_PORT of the first, and a shared --runs",
    )  # fmt: skip
    separator.add_argument(
        "--precision", choices=["auto", *SEPARATOR_CHOICES["precision"]],
        help="overrides the config; auto: bf16-mixed if the device supports bfloat16",
    )  # fmt: skip
    separator.add_argument("--threads", type=int, default=available_cpus(), help="of torch on CPUs")
    separator.add_argument(
        "--workers", type=int, default=0, help="processes per device that prepare examples"
    )
    separator.add_argument(
        "--resident", action="store_true",
        help="keep all songs in the device's memory and make examples there",
    )  # fmt: skip
    return separator


def main(arguments: list[str] | None = None) -> int:
    """Run one step; returns the exit code."""
    logging.basicConfig(format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    process = os.environ.get("LOCAL_RANK", "0")  # its number on this machine
    # The first process logs for all; messages of other packages are dropped.
    log.setLevel(logging.INFO if process == "0" else logging.WARNING)
    words = sys.argv[1:] if arguments is None else arguments
    args = get_parser().parse_args(words)
    try:
        _check_numbers(args)
        STEPS[args.step](args, f"python -m training {' '.join(words)}")
    except (MdxError, OSError) as error:
        where = "" if process == "0" else f" in process {process}"
        print(f"error{where}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        run = args.runs / _folder(args) / args.source if args.step == "separator" else None
        kept = run is not None and last_checkpoint(run).exists()
        hint = ": the last checkpoint is kept, and --resume continues from it" if kept else ""
        print(f"interrupted{hint}", file=sys.stderr)
        return 130
    return 0


def _check_numbers(args: argparse.Namespace) -> None:
    for key, least in (("seed", 0), ("threads", 1)):
        got = getattr(args, key, least)
        if got < least:
            raise ConfigError(f"--{key}", got=got, expected=f"{least} or more")


def _train_separator(args: argparse.Namespace, command: str) -> None:
    hardware = Hardware(
        args.accelerator, args.devices, args.nodes, args.workers, args.resident
    )  # fmt: skip
    config = _read_config(args)
    if args.precision:
        precision = hardware.precision if args.precision == "auto" else args.precision
        config = replace(config, precision=precision)
    songs = find_songs(*args.data)
    data = _check_data(songs)
    training, validation = split_songs(songs, one_in=config.held_out)
    log.info("%s: %d songs, %d for validation", args.source, len(training), len(validation))
    torch.set_num_threads(args.threads)
    run = args.runs / _folder(args) / args.source
    name = _name(args, f"{args.source}.onnx", run=run)
    best = fit(
        config, args.source, training, validation, out=run, weights=args.weights,
        name=name, seed=args.seed,
        origin=_origin(args, command, data), hardware=hardware, resume=args.resume,
        start=args.start,
    )  # fmt: skip
    log.info("%s: best SDR %.3f dB", args.source, best)


def _release(args: argparse.Namespace, command: str) -> None:
    data = _check_data(find_songs(*args.data))
    score = release_checkpoint(
        args.checkpoint, _read_config(args), args.source, args.seed, weights=args.weights,
        name=_name(args, f"{args.source}.onnx"), origin=_origin(args, command, data),
    )  # fmt: skip
    known = "not known, an earlier network was better" if score is None else f"{score:.3f} dB"
    log.info("%s: SDR %s", args.source, known)


def _read_config(args: argparse.Namespace) -> SeparatorConfig:
    return config_of(read_config(args.config), args.source, args.config)


def _train_mixer(args: argparse.Namespace, command: str) -> None:
    name = _name(args, "mixer.npz")
    config = read_mixer_config(args.config)
    songs = find_songs(*args.data)
    data = _check_data(songs)
    mixer = train_mixer(songs, args.system, config, seed=args.seed)
    write_mixer(mixer, args.weights / name)
    register_weights(args.weights, name, **vars(_origin(args, command, data)))


def _check_data(songs: Sequence[Song]) -> TrainingData:
    data = describe_data(songs)
    check_rules(data)
    log.info("%s, which leaderboard %s allows", data, data.leaderboard)
    return data


def _folder(args: argparse.Namespace) -> str:
    folder: str = args.out or Path(args.config).stem
    weights_path(args.weights, folder)  # raises WeightsError where it leads out
    return folder


def _name(args: argparse.Namespace, file: str, *, run: Path | None = None) -> str:
    # Weights that are there may be replaced by the run that wrote them, if it is resumed; without,
    # fit refuses a folder with a checkpoint.
    name = f"{_folder(args)}/{file}"
    target, mine = args.weights / name, False
    if run is not None and (args.resume or last_checkpoint(run).exists()):
        mine = wrote(run, target)
    if target.exists() and not (args.replace or mine):
        raise ConfigError(
            target, got="weights that are there already", expected="a new name",
            hint="choose another --out or --weights; --replace overwrites them",
        )  # fmt: skip
    return name


def _origin(args: argparse.Namespace, command: str, data: TrainingData) -> Origin:
    return Origin(
        command, str(data), data.attributed, config=Path(args.config).name, commit=git_commit()
    )


STEPS = {"separator": _train_separator, "release": _release, "mixer": _train_mixer}

if __name__ == "__main__":
    sys.exit(main())
