"""`python -m models.describe FILE`: describes an MDX-Net or MDX23C, and writes a system for it.

For an .onnx, bins and frames are read from the graph; n_fft, the stem and its gain come from the
record with the file's hash in model_data.json, or from the options, which override it. For the
.ckpt of an MDX23C, all sizes come from a YAML that its record names; --write makes its .onnx too.
"""

import argparse
import math
import sys
from dataclasses import dataclass
from pathlib import Path

from mdx.errors import ConfigError, MdxError, NetworkError
from mdx.estimators.stft import StftSpec
from mdx.systems.manifest import describe
from models.describe.graph import Graph, read_content, read_graph, uvr_hash
from models.describe.lines import KARAOKE, chunk_lines, cut_off, file_lines, shape_line
from models.describe.mdx23c import describe_checkpoint, is_checkpoint
from models.describe.records import Mdx23cRecord, Record, find_record, likely_n_fft, other_stem
from models.describe.system import (
    check_name,
    name_inside,
    two_stems_system,
    write_system,
)

HOP = 1024  # samples, of all published networks
USUAL_GAIN = 1.035  # UVR's default for an unknown network


@dataclass(frozen=True)
class Settings:
    """The settings that the graph does not contain; None: unknown."""

    n_fft: int | None
    primary: str | None
    compensate: float | None

    @classmethod
    def of(cls, args: argparse.Namespace, record: Record | None) -> "Settings":
        """The settings from the options, or from the record for options that are not given."""
        known = vars(record) if record else {}
        given = {key: getattr(args, key) for key in ("n_fft", "primary", "compensate")}
        return cls(**{
            key: known.get(key) if value is None else value for key, value in given.items()
        })  # fmt: skip


def check_record(record: Record, graph: Graph, path: Path) -> None:
    """Raise NetworkError if the sizes in a record differ from those of the graph."""
    if (graph.dim_f, math.log2(graph.dim_t)) != (record.dim_f, record.log2_dim_t):
        raise NetworkError(
            path,
            got=f"{graph.dim_f} bins and {graph.dim_t} frames in the graph",
            expected=f"{record.dim_f} bins and 2^{record.log2_dim_t} frames as in its record",
            hint="the record is another network's, or the file was exported at another size",
        )


def stft_of(graph: Graph, n_fft: int, path: Path) -> StftSpec:
    """The sizes of a network's chunks; raises ConfigError if they are impossible."""
    try:
        return StftSpec(n_fft, HOP, graph.dim_f, graph.dim_t)
    except ConfigError as error:
        raise error.within(path) from error


def lines_of(path: Path, content: bytes, graph: Graph, settings: Settings) -> list[str]:
    """The lines of a network's description; raises ConfigError for an impossible n_fft."""
    lines = [
        *file_lines(path, describe(content), uvr_hash(content)),
        f"network     {graph.precision}, opset {graph.opset}, by {graph.producer or 'unknown'}",
        shape_line(graph.dim_f, graph.dim_t),
    ]
    if settings.n_fft is None:
        likely = ", ".join(f"{n_fft} (cut-off {cut_off(graph.dim_f, n_fft)})"
                           for n_fft in likely_n_fft(graph.dim_f))  # fmt: skip
        return [*lines, f"n_fft       not in the graph; likely {likely}"]
    stft = stft_of(graph, settings.n_fft, path)
    lines += chunk_lines(stft, f"trim {stft.trim}, step {stft.step}")
    if settings.primary is not None:
        gain = "" if settings.compensate is None else f", compensate {settings.compensate:g}"
        lines.append(f"stems       {settings.primary}, {other_stem(settings.primary)}{gain}")
    return lines


def check_complete(settings: Settings, graph: Graph, subject: object, *, why: str) -> None:
    """Raise ConfigError, which names the missing options, if a setting is unknown."""
    likely = " or ".join(map(str, likely_n_fft(graph.dim_f)))
    missing = [
        text
        for value, text in (
            (settings.n_fft, f"--n-fft ({likely} for {graph.dim_f} bins)"),
            (settings.primary, "--primary (the stem it finds, such as Vocals)"),
            (settings.compensate, f"--compensate (usual: {USUAL_GAIN})"),
        )
        if value is None
    ]
    if missing:
        raise ConfigError(subject, got=why, expected="the settings that no graph holds",
                          hint=f"give {', '.join(missing)}")  # fmt: skip


def run(args: argparse.Namespace) -> None:
    """Print the description of the file, and write its system if requested."""
    if is_checkpoint(args.file):
        describe_checkpoint(
            args.file, config_yaml=args.config_yaml, model_data=args.model_data,
            write=args.write, overwrite=args.overwrite,
        )  # fmt: skip
        return
    content = read_content(args.file)
    # The record comes first: it identifies a file that is not an MDX-Net.
    record = find_record(args.model_data, uvr_hash(content)) if args.model_data else None
    if isinstance(record, Mdx23cRecord) or args.config_yaml:
        raise NetworkError(
            args.file, got="a file that is no PyTorch checkpoint", expected="an MDX23C's .ckpt",
            hint="a --config-yaml, or a record with one, is for those alone",
        )  # fmt: skip
    graph = read_graph(content, args.file)
    if record:
        check_record(record, graph, args.file)
    settings = Settings.of(args, record)
    print(*lines_of(args.file, content, graph, settings), sep="\n")
    if record and record.karaoke:
        print(KARAOKE)
    if args.model_data and not record:
        check_complete(settings, graph, args.model_data, why=f"no record for {uvr_hash(content)}")
    if args.write:
        write(args.write, args.file, content, graph, settings, overwrite=args.overwrite)


def write(
    path: Path, network: Path, content: bytes, graph: Graph, settings: Settings, *, overwrite: bool
) -> None:
    """Write the system of a network with these settings; raises ConfigError or OutputError."""
    check_name(path)
    check_complete(settings, graph, network, why="no more than its graph")
    n_fft, primary, compensate = settings.n_fft, settings.primary, settings.compensate
    assert n_fft is not None and primary is not None and compensate is not None
    weights, size = name_inside(network, path), stft_of(graph, n_fft, network)
    try:
        system = two_stems_system(
            path.stem, weights, size, primary=primary, secondary=other_stem(primary),
            gain=compensate, uvr_hash=uvr_hash(content),
        )  # fmt: skip
    except ConfigError as error:
        raise error.within(network) from error
    write_system(system, path, content, overwrite=overwrite)
    print(f"system      {path}: mdx separate SONG --system {path}")


def get_parser(prog: str) -> argparse.ArgumentParser:
    """The command's options; `prog` is what the user typed."""
    parser = argparse.ArgumentParser(prog=prog, description=__doc__)
    parser.add_argument(
        "file", type=Path, metavar="FILE", help="an MDX-Net as .onnx, or an MDX23C's .ckpt"
    )
    parser.add_argument("--model-data", type=Path, metavar="JSON", help="UVR's model_data.json")
    parser.add_argument(
        "--config-yaml", type=Path, metavar="YAML",
        help="the sizes of an MDX23C, where its record does not lead to them",
    )  # fmt: skip
    parser.add_argument("--n-fft", type=int, metavar="N", help="samples of a frame")
    parser.add_argument("--primary", metavar="STEM", help="the network's stem, such as Vocals")
    parser.add_argument(
        "--compensate", type=float, metavar="GAIN", help=f"of the estimate (usual: {USUAL_GAIN})"
    )
    parser.add_argument(
        "--write", type=Path, metavar="YAML",
        help="write a system of two stems to this file, and the manifest of its folder",
    )  # fmt: skip
    parser.add_argument(
        "--overwrite", action="store_true", help="--write may replace a YAML or another entry"
    )
    return parser


def main(arguments: list[str] | None = None, *, prog: str = "python -m models.describe") -> int:
    """Describe one network; returns the exit code."""
    try:
        run(get_parser(prog).parse_args(arguments))
    except (MdxError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except ModuleNotFoundError as error:  # of what only checkpoints need
        hint = "in a clone of the repository: pip install -e '.[train]'"
        found = f"got no package {error.name}, expected it to read a checkpoint; {hint}"
        print(f"error: {found}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
