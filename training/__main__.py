"""`python -m training separator|mixer`: the paper's two steps from the command line."""

import argparse
import logging
import sys
from pathlib import Path

import torch

from mdx.errors import MdxError
from mdx.machine import available_cpus
from mdx.spec import MODELS, SOURCES
from mdx.weights import register_weights
from models.export import export_onnx
from training.config import read_config
from training.mixer import train_mixer, write_mixer
from training.separator import train_separator
from training.songs import read_songs

log = logging.getLogger("training")


def get_parser() -> argparse.ArgumentParser:
    """The options of both steps."""
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    steps = parser.add_subparsers(dest="step", required=True)
    separator = steps.add_parser("separator", help="step one: train one separator, export it")
    separator.add_argument("--source", choices=SOURCES, required=True)
    separator.add_argument("--config", default="demo", help="a name from training/configs")
    separator.add_argument("--seed", type=int, default=1)
    separator.add_argument("--threads", type=int, default=available_cpus())
    mixer = steps.add_parser("mixer", help="step two: fit the Mixer on frozen separators")
    mixer.add_argument("--system", default="demo_no_mixer", help="the system without a Mixer")
    for step in (separator, mixer):
        step.add_argument("--data", type=Path, required=True, help="folder of songs with stems")
        step.add_argument("--out", default="demo", help="folder below models/weights")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run one step; returns the exit code."""
    logging.basicConfig(format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    log.setLevel(logging.INFO)  # the exporter's own messages stay out
    args = get_parser().parse_args(arguments)
    command = f"python -m training {' '.join(arguments if arguments is not None else sys.argv[1:])}"
    weights = MODELS / "weights"
    try:
        songs = read_songs(args.data)
        if args.step == "separator":
            name = f"{args.out}/{args.source}.onnx"
            config = read_config(args.config)[args.source]
            torch.set_num_threads(args.threads)
            net = train_separator(songs, args.source, config, seed=args.seed)
            error = export_onnx(net, weights / name, dim_f=config.dim_f, dim_t=config.frames)
            log.info("%s: onnxruntime equals torch to %.1e", name, error)
        else:
            name = f"{args.out}/mixer.npz"
            write_mixer(train_mixer(songs, args.system), weights / name)
        register_weights(weights, name, made_by=command)
    except MdxError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
