"""The options of `mdx separate`."""

import argparse
import os
from pathlib import Path

from mdx.audio.formats import FORMATS
from mdx.cli.environment import system_of_environment
from mdx.cli.names import FIELDS, TEMPLATE
from mdx.runtimes.onnx import PROVIDERS
from mdx.runtimes.runtime import RUNTIMES
from mdx.systems.find import system_names
from mdx.systems.spec import SOURCES
from mdx.systems.weights import PRECISIONS

EXAMPLES = """examples:
  mdx separate song.mp3                      separated/song/{bass,drums,other,vocals}.wav
  mdx separate song.mp3 --two-stems vocals   vocals.wav and instrumental.wav
  mdx separate music/ -o stems --format flac --skip-existing
                                             a folder and all below it, once
  mdx separate --list songs.txt --name '{folder}/{song} ({stem})' --format mp3 --bit-rate 192
  mdx separate music/ --json                 one line per event, for another program

exit code: 0 if every song went well, 1 if one did not, 2 for invalid options,
129, 130 or 143 if SIGHUP, SIGINT (Ctrl-C) or SIGTERM ended it; no half-written stem remains.
"""


def add_separate_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options for separating songs."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EXAMPLES
    parser.add_argument(
        "files", nargs="*", metavar="FILE",
        help="a song in any format, a folder of them, a pattern such as '*.mp3', or - for a song "
        "that is piped in",
    )  # fmt: skip
    parser.add_argument(
        "--list", action="append", default=[], dest="lists", metavar="FILE",
        help="a file with one song or folder per line; - is the standard input",
    )  # fmt: skip
    _add_results(parser.add_argument_group("what is written, and where"))
    _add_separation(parser.add_argument_group("how it is separated"))
    _add_reading(parser.add_argument_group("what is read of a song"))
    _add_reports(parser.add_argument_group("reports"))


def _add_results(group: "argparse._ArgumentGroup") -> None:
    group.add_argument(
        "-o", "--out", type=Path, default=Path("separated"), metavar="FOLDER",
        help="folder of the results (default: %(default)s)",
    )  # fmt: skip
    group.add_argument(
        "--name", default=TEMPLATE, metavar="TEMPLATE",
        help=f"what a stem is called below the folder, of {', '.join(f'{{{f}}}' for f in FIELDS)} "
        "(default: %(default)s); the ending comes by itself",
    )  # fmt: skip
    group.add_argument(
        "--format", choices=FORMATS, default="wav",
        help="wav and flac keep every bit, the others are smaller and lose some; all but wav take "
        "over tags and cover (default: %(default)s)",
    )  # fmt: skip
    depth = group.add_mutually_exclusive_group()
    for flag, subtype in (("--float32", "FLOAT"), ("--int24", "PCM_24")):
        depth.add_argument(
            flag, dest="subtype", action="store_const", const=subtype,
            help=f"write {subtype} instead of PCM_16: larger files, nothing is "
            f"{'clipped' if subtype == 'FLOAT' else 'rounded to 16 bits'}",
        )  # fmt: skip
    rates = ", ".join(f"{name} {kind.bit_rate}" for name, kind in FORMATS.items() if kind.bit_rate)
    group.add_argument(
        "--bit-rate", type=int, metavar="KBIT", help=f"of a lossy format (default: {rates})"
    )
    group.add_argument(
        "--rescale", action="store_true",
        help="turn all stems of a song down alike where one of them would clip; without it, the "
        "peaks are cut off, and a line says so",
    )  # fmt: skip
    group.add_argument(
        "--skip-existing", action="store_true", help="leave out songs whose stems are all there"
    )


def _add_separation(group: "argparse._ArgumentGroup") -> None:
    group.add_argument(
        "--system", default=system_of_environment(),
        help=f"{', '.join(system_names())}, or the path of a .yaml; `mdx systems` tells more "
        "(default: %(default)s)",
    )  # fmt: skip
    stems = group.add_mutually_exclusive_group()
    stems.add_argument(
        "--source", action="append", metavar="STEM",
        help=f"{', '.join(SOURCES)}, or a stem that the system has: make it alone, without the "
        "Mixer, in a quarter of the time; may be repeated (default: all)",
    )  # fmt: skip
    stems.add_argument(
        "--two-stems", metavar="STEM",
        help="make this stem, and everything else of the song as a second one: the two add up to "
        "the song",
    )  # fmt: skip
    group.add_argument(
        "--precision", choices=PRECISIONS, default=os.environ.get("MDX_PRECISION", "float32"),
        help="bf16 takes half the time on CPUs that have it, int8 a third, and both lose some "
        "thousandths of a decibel; auto is int8 where the system has it, else bf16 where the CPU "
        "does (default: %(default)s)",
    )  # fmt: skip
    group.add_argument(
        "--limit", metavar="LIMIT",
        help="of each song: fixed:SECONDS, ratio:TIMES its duration, or none; quality is what fits "
        "(default: $MDX_LIMIT, $INFERENCE_PER_MUSIC_TIMEOUT_SECONDS, or the system's own)",
    )  # fmt: skip
    group.add_argument(
        "--spend-budget", action="store_true",
        help="where the limit allows, take twice the time for somewhat better stems",
    )  # fmt: skip
    add_runtime_arguments(group)
    group.add_argument(
        "--cluster", metavar="ADDRESS",
        help="on the workers of a Dask cluster, several songs at once: its scheduler's address, "
        "the file in which it wrote that, or local:N for N workers here",
    )  # fmt: skip


def add_runtime_arguments(group: "argparse._ArgumentGroup") -> None:
    """Add the options of what runs the networks, and on how many threads."""
    group.add_argument(
        "--threads", type=int, metavar="N",
        help="(default: $MDX_THREADS, or one for every CPU that the process may use)",
    )  # fmt: skip
    group.add_argument(
        "--runtime", choices=RUNTIMES, default=os.environ.get("MDX_RUNTIME", "auto"),
        help="what runs the networks (default: onnxruntime, but OpenVINO for int8 with VNNI)",
    )  # fmt: skip
    group.add_argument(
        "--provider", choices=PROVIDERS, default=os.environ.get("MDX_PROVIDER", "cpu"),
        help="onnxruntime's device; an error where it is not at work (default: %(default)s)",
    )  # fmt: skip


def _add_reading(group: "argparse._ArgumentGroup") -> None:
    group.add_argument(
        "--stream", type=int, metavar="N",
        help="of several audio streams, as videos have them, counted from 1 (default: the first)",
    )  # fmt: skip
    group.add_argument(
        "--downmix", action="store_true",
        help="fold more than two channels into two; without it such a song is refused",
    )  # fmt: skip


def _add_reports(group: "argparse._ArgumentGroup") -> None:
    detail = group.add_mutually_exclusive_group()
    detail.add_argument("--quiet", action="store_true", help="errors only")
    detail.add_argument("--verbose", action="store_true", help="what is decided on the way as well")
    detail.add_argument(
        "--json", action="store_true",
        help="a JSON object a line: begun, progress, done with paths and seconds, failed with the "
        "reason, summary",
    )  # fmt: skip
    group.add_argument("--debug", action="store_true", help="with a traceback for every error")
