"""`python -m models.quantize SYSTEM --data FOLDER`: int8 versions of a system's networks.

Every network is quantised on the songs' mixtures and compared with float32: by the SDR of its
source, and by the noise that it adds where the source is quiet. If it loses too much, as few of its
layers as possible stay in float32; a network that never passes is refused.
"""

import argparse
import logging
import math
import sys
from collections.abc import Sequence
from pathlib import Path

try:
    import onnx
except ModuleNotFoundError as missing:
    if __name__ != "__main__":
        raise
    sys.exit(f"error: got no package {missing.name}, expected it; pip install -e '.[quantize]'")

from mdx.errors import AudioError, ConfigError, MdxError
from mdx.files import write_atomically
from mdx.machine import available_cpus
from mdx.runtimes.onnx import OnnxNetwork
from mdx.systems.find import find_system
from mdx.systems.manifest import describe, int8_name, register_weights
from mdx.systems.spec import SOURCES, Audio, EstimatorSpec, SystemSpec
from mdx.systems.weights import read_weights
from models.quantize.graph import check_installed, quantise, read_graph
from models.quantize.int8_loss import (
    MAX_LOSS,
    MAX_NOISE,
    MAX_SONG_LOSS,
    Loss,
    measure_loss,
    worst_of,
)
from models.quantize.search import Outcome, find_outcome
from models.quantize.songs import (
    Excerpt,
    estimate,
    make_estimator,
    read_excerpts,
    spectrograms,
)

log = logging.getLogger("quantize")
RANGES, NOISE = 32, 4  # chunks for the ranges, and for comparing layers
HEADER = """\
| source | SDR float32 | SDR int8 | median float32 | median int8 | largest loss, dB | noise where \
quiet, dBFS | layers in float32 |
| ------ | ----------: | -------: | -------------: | ----------: | ---------------: | ----------\
----------: | ----------------: |"""


def quantise_estimator(
    part: EstimatorSpec, folder: Path, excerpts: Sequence[Excerpt], command: str,
    added: EstimatorSpec | None = None,
) -> Outcome:  # fmt: skip
    """Quantise one network; its file is written and registered where the loss holds for its stems.

    `added` is another estimator, with the rest of the same stems' spectrum. Raises ConfigError for
    a stem that songs do not have, AudioError if no song has one of them, WeightsError and
    NetworkError as loading does.
    """
    assert part.weights is not None
    content, network = _read_network(part, folder)
    if unknown := [stem for stem in part.makes if stem not in excerpts[0].stems]:
        known = ", ".join(excerpts[0].stems)
        expected = f"some of {known}, which songs have"
        raise ConfigError(part.name, got=f"the stem '{unknown[0]}'", expected=expected)
    sounding = [e for e in excerpts if all(e.stems[stem].any() for stem in part.makes)]
    if not sounding:
        missing = f"none with {' and '.join(part.makes)}"
        raise AudioError("calibration songs", got=missing, expected="at least one")
    rest: Sequence[Audio | float] = [0.0] * len(sounding)
    if added is not None:
        other = make_estimator(added, _read_network(added, folder)[1])
        order = [added.makes.index(stem) for stem in part.makes]
        rest = [estimate(excerpt.mix, other)[order] for excerpt in sounding]

    def separate(net: OnnxNetwork) -> list[Audio]:
        """The stems of all excerpts, whole. Shape: (makes, 2, samples) each."""
        estimator = make_estimator(part, net)
        pairs = zip(sounding, rest, strict=True)
        return [estimate(excerpt.mix, estimator) + more for excerpt, more in pairs]

    before = separate(network)

    def measure(graph: onnx.ModelProto) -> Loss:
        """The loss of a quantised network, for the stem with the largest loss."""
        int8 = OnnxNetwork(graph.SerializeToString(), part.name, threads=available_cpus())
        after = separate(int8)
        losses = [
            measure_loss(
                stem, [excerpt.stems[stem] for excerpt in sounding],
                [stems[index] for stems in before], [stems[index] for stems in after],
            )
            for index, stem in enumerate(part.makes)
        ]  # fmt: skip
        return worst_of(losses)

    parent = read_graph(content)
    chunks = spectrograms(excerpts, part, network, count=RANGES)
    quantised = quantise(parent, chunks)
    few = chunks[:: -(-len(chunks) // NOISE)]
    outcome = find_outcome(part.name, quantised, parent, few, measure)
    if outcome.loss.holds:
        name = int8_name(part.weights)
        write_atomically(folder / name, outcome.graph.SerializeToString())
        register_weights(
            folder, name, made_by=command, parent=describe(content).sha256,
            loss=round(outcome.loss.decibels, 4),
        )  # fmt: skip
    return outcome


def _read_network(part: EstimatorSpec, folder: Path) -> tuple[bytes, OnnxNetwork]:
    assert part.weights is not None
    content = read_weights(folder, part.weights)
    return content, OnnxNetwork(content, part.weights, threads=available_cpus())


def added_to(part: EstimatorSpec, system: SystemSpec) -> EstimatorSpec | None:
    """The estimator of the same stems that a system adds to this one, or this one to it."""
    added = {step.estimator for step in system.combine if step.kind == "sum"}
    for other in system.estimators:
        same = other != part and set(other.makes) == set(part.makes)
        if same and added & {part.name, other.name}:
            return other
    return None


def row(source: str, outcome: Outcome) -> str:
    """One source as a row of the table."""
    loss = outcome.loss
    kept = f"{len(outcome.float32)} of {outcome.layers}" if loss.holds else "refused"
    values = [*loss.sdr, *loss.median, loss.decibels]
    numbers = " | ".join(f"{value:.3f}" for value in values)
    return f"| {source} | {numbers} | {loss.noise:.1f} | {kept} |"


def get_parser() -> argparse.ArgumentParser:
    """The command's options."""
    parser = argparse.ArgumentParser(prog="python -m models.quantize", description=__doc__)
    parser.add_argument("system", help="a system's name, or the path of its .yaml")
    parser.add_argument(
        "--data", type=Path, required=True,
        help="training songs with true stems: a MUSDB18-HQ root, or folders of WAV files",
    )  # fmt: skip
    parser.add_argument("--songs", type=int, default=10, metavar="N", help="(default: %(default)s)")
    parser.add_argument(
        "--seconds",
        type=float,
        default=30.0,
        help="of each song, its middle (default: %(default)s)",
    )
    parser.add_argument(
        "--source",
        choices=SOURCES,
        action="append",
        help="only networks that make it; may be repeated (default: all)",
    )
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Quantise a system's networks and print the table; returns the exit code."""
    logging.basicConfig(format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    for name in ("quantize", "models.quantize"):
        logging.getLogger(name).setLevel(logging.INFO)
    args = get_parser().parse_args(arguments)
    words = arguments if arguments is not None else sys.argv[1:]
    command = f"python -m models.quantize {' '.join(words)}"
    refused = []
    try:
        check_installed()
        system, folder = find_system(args.system)
        parts = [part for part in system.estimators if part.kind == "spectrogram"]
        files = [part.weights for part in parts]
        if not parts:
            kinds = ", ".join(dict.fromkeys(part.kind for part in system.estimators))
            raise ConfigError(
                args.system, got=f"estimators of the kind {kinds}", expected="some of spectrograms",
                hint="int8 of networks with an LSTM is made by 'python -m models.convert --int8', "
                "all others run in float32",
            )  # fmt: skip
        if len(set(files)) < len(files):
            expected = "a weights file for every estimator of spectrograms"
            raise ConfigError(args.system, got=files, expected=expected)
        made = {source for part in parts for source in part.makes}
        if args.source and not made & set(args.source):
            raise ConfigError("--source", got=", ".join(args.source),
                              expected=f"of {args.system}: {', '.join(sorted(made))}")  # fmt: skip
        if args.songs < 1 or not 0 < args.seconds < math.inf:
            raise ConfigError("--songs and --seconds", got=f"{args.songs} of {args.seconds} s",
                              expected="at least one, of some length")  # fmt: skip
        excerpts = read_excerpts(args.data, count=args.songs, seconds=args.seconds)
        rows = []
        for part in parts:
            if args.source and not set(args.source) & set(part.makes):
                continue
            outcome = quantise_estimator(
                part, folder, excerpts, command, added_to(part, system)
            )  # fmt: skip
            rows.append(row(part.name, outcome))
            refused += [] if outcome.loss.holds else [part.name]
    except (MdxError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(HEADER, *rows, sep="\n")
    if refused:
        print(
            f"refused, not written: {', '.join(refused)}: more than {MAX_LOSS} dB lost, or "
            f"{MAX_SONG_LOSS} in a song, or {MAX_NOISE:.0f} dBFS of noise, whatever stays float32",
            file=sys.stderr,
        )
    return 1 if refused else 0


if __name__ == "__main__":
    sys.exit(main())
