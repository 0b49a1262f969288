"""`python -m models.convert FILE --out NAME.onnx`: converts a released checkpoint to ONNX.

Demucs-v2, or a system of the paper's comparison (models.checkpoints), by the names of its weights.

The checkpoint is read as plain tensors, nothing of it is executed, and it must be the one that the
manifest names, where it names it. `--int8 NAME.onnx` makes an int8 network of a converted one.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

try:
    import torch
except ModuleNotFoundError as missing:
    if __name__ != "__main__":
        raise
    sys.exit(f"error: got no package {missing.name}, expected torch; pip install -e '.[train]'")

from mdx.errors import MdxError, WeightsError
from mdx.systems.find import WEIGHTS
from mdx.systems.manifest import (
    MANIFEST,
    WeightsEntry,
    checkpoint_of,
    describe_file,
    int8_name,
    read_manifest,
    weights_path,
    write_entry,
)
from mdx.systems.spec import SAMPLE_RATE
from mdx.systems.weights import weights_file
from models.checkpoints.convert import convert_checkpoint
from models.demucs_v2.network import Demucs, DemucsSpec
from models.dynamic_int8 import quantise_lstms

COMMAND = "python -m models.convert"  # for the manifest: without local paths
HEARD = 5 * SAMPLE_RATE  # samples of noise for the comparison of int8


def convert(
    checkpoint: Path, folder: Path, name: str, *, source: str | None = None, replaces: bool = False
) -> float:
    """Convert a checkpoint to `name` in the folder, and enter it into the manifest.

    `source` is which of a file's networks is meant, where it holds several under their sources.
    With `replaces`, it may take the place of a network of another origin.
    Returns the relative error of onnxruntime against torch.
    Raises WeightsError or NetworkError; OSError where the file cannot be written.
    """
    target = _onnx_path(folder, name)
    try:
        found = describe_file(checkpoint)
    except OSError as no:
        raise WeightsError(checkpoint, got=no.strerror, expected="a readable file") from no
    origin = _entry_of(checkpoint, folder) or _published_as(name, folder)
    if origin is not None and origin.is_known and not origin.fits(found):
        raise WeightsError(
            checkpoint, got=found, expected=f"{origin} as in {MANIFEST}",
            hint="the file is damaged, or another one: give its network another name by --out",
        )  # fmt: skip
    command = f"{COMMAND} {checkpoint.name} --out {name}"
    command += "" if source is None else f" --source {source}"
    there = read_manifest(folder).get(name)
    same = there is not None and (there.parent, there.made_by) == (found.sha256, command)
    if target.exists() and not (same or replaces):
        raise WeightsError(
            name, got="a network that is there already", expected="one of the same checkpoint",
            hint="choose another name by --out; --replace overwrites it",
        )  # fmt: skip
    error = convert_checkpoint(checkpoint, target, source=source)
    _register(folder, name, origin or found, parent=found.sha256, command=command)
    return error


def quantise(folder: Path, name: str) -> float:
    """Make an int8 version of a converted network, and enter it into the manifest.

    Returns its SNR against float32 on noise, in dB. Raises WeightsError or NetworkError; OSError
    where the file cannot be written.
    """
    with torch.device("meta"):
        samples = Demucs(DemucsSpec(channels=1)).valid_length(HEARD)
    with weights_file(folder, name) as path:
        origin = read_manifest(folder)[name]
        snr = quantise_lstms(path, weights_path(folder, int8_name(name)), samples=samples)
    command = f"{COMMAND} --int8 {name}"
    _register(folder, int8_name(name), origin, parent=origin.sha256, command=command)
    return snr


def _entry_of(path: Path, folder: Path) -> WeightsEntry | None:
    path, folder = path.resolve(), folder.resolve()
    if not path.is_relative_to(folder):
        return None
    return read_manifest(folder).get(path.relative_to(folder).as_posix())


def _published_as(name: str, folder: Path) -> WeightsEntry | None:
    # The manifest's entry for the checkpoint that becomes this network, in whatever folder it is.
    entries = read_manifest(folder)
    return entries.get(checkpoint_of(entries, name) or "")


def _register(folder: Path, name: str, origin: WeightsEntry, *, parent: str, command: str) -> None:
    # The data and the licence of the checkpoint also apply to the converted network.
    found = describe_file(weights_path(folder, name))
    entry = replace(
        origin, sha256=found.sha256, bytes=found.bytes, made_by=command, parent=parent,
        url=None, member=None, becomes=None,
    )  # fmt: skip
    write_entry(folder, name, entry)


def _onnx_path(folder: Path, name: str) -> Path:
    path = weights_path(folder, name)
    if path.suffix != ".onnx":
        raise WeightsError("--out", got=f"'{name}'", expected="the name of an .onnx file")
    return path


def find_folder(checkpoint: Path) -> Path:
    """The folder of weights whose manifest covers a checkpoint, otherwise that of the systems.

    The latter is `models/weights`.
    """
    for folder in checkpoint.resolve().parents:
        if (folder / MANIFEST).is_file():
            return folder
    return WEIGHTS


def get_parser() -> argparse.ArgumentParser:
    """The command's options."""
    parser = argparse.ArgumentParser(prog=COMMAND, description=__doc__)
    parser.add_argument("checkpoint", nargs="?", type=Path, metavar="FILE")
    parser.add_argument("--out", metavar="NAME.onnx", help="name in the manifest")
    parser.add_argument("--source", help="which network of a file that holds several")
    parser.add_argument("--replace", action="store_true", help="overwrite another network")
    parser.add_argument(
        "--int8", metavar="NAME.onnx", help="make NAME.int8.onnx of this float32 network"
    )
    parser.add_argument(
        "--folder", type=Path,
        help="of the manifest and the weights (default: where the checkpoint's manifest lies, or "
        "models/weights)",
    )  # fmt: skip
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Convert, or quantise; returns the exit code."""
    parser = get_parser()
    args = parser.parse_args(arguments)
    alone = not (args.checkpoint or args.out or args.source or args.replace)
    if not (alone if args.int8 else args.checkpoint and args.out):
        parser.error("give FILE and --out NAME.onnx, or --int8 NAME.onnx alone")
    folder = args.folder or (find_folder(args.checkpoint) if args.checkpoint else WEIGHTS)
    try:
        if args.int8:
            snr = quantise(folder, args.int8)
            print(f"{int8_name(args.int8)}: {snr:.1f} dB SNR against float32, on noise")
        else:
            error = convert(
                args.checkpoint, folder, args.out, source=args.source, replaces=args.replace
            )
            print(f"{args.out}: a relative error of {error:.1e} between onnxruntime and torch")
    except (MdxError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
