"""The options of `mdx separate`."""

import argparse
from pathlib import Path

from mdx.audio.formats import FORMATS
from mdx.cli.names import FIELDS, TEMPLATE
from mdx.runtimes.onnx import PROVIDERS
from mdx.runtimes.runtime import RUNTIMES
from mdx.systems.find import DEFAULT_SYSTEM, system_names
from mdx.systems.spec import SOURCES
from mdx.systems.weights import PRECISIONS

EXAMPLES = """examples:
  mdx separate song.mp3                      separated/song/{bass,drums,other,vocals}.wav
  mdx separate song.mp3 --two-stems vocals   vocals.wav and instrumental.wav
  mdx separate music/ -o stems --format flac --skip-existing
                                             a folder and its subfolders; done songs are skipped
  mdx separate --list songs.txt --name '{folder}/{song} ({stem})' --format mp3 --bit-rate 192
  mdx separate music/ --json                 one line per event, for another program
"""
EXIT_CODES = """exit code: 0 if every song was separated, 1 if one failed or a setting cannot
be used, 2 if no song is named, or an option or its value is unknown or excludes another, and 129,
130 or 143 if SIGHUP, SIGINT (Ctrl-C) or SIGTERM ended the command; no half-written stem is left
behind.
"""


def add_separate_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options for separating songs."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.usage = "mdx separate [options] FILE..."
    parser.description = f"{parser.description}\n\n{EXAMPLES}"
    parser.epilog = EXIT_CODES
    parser.add_argument(
        "files", nargs="*", metavar="FILE",
        help="a song in any format, a folder of songs, a pattern such as '*.mp3', or - to read a "
        "song from standard input",
    )  # fmt: skip
    parser.add_argument(
        "--list", action="append", default=[], dest="lists", metavar="FILE",
        help="read songs and folders from a file, one per line; - is standard input",
    )  # fmt: skip
    _add_results(parser.add_argument_group("output"))
    _add_separation(parser.add_argument_group("separation"))
    _add_reading(parser.add_argument_group("input"))
    _add_reports(parser.add_argument_group("messages"))


def folder(text: str) -> Path:
    """The type of options that name a folder; raises argparse.ArgumentTypeError for no name."""
    if not text:  # perhaps of a variable of the shell; Path("") is the current folder
        raise argparse.ArgumentTypeError("got an empty name, expected a folder")
    return Path(text)


def _add_results(group: "argparse._ArgumentGroup") -> None:
    group.add_argument(
        "-o", "--out", type=folder, default=Path("separated"), metavar="FOLDER",
        help="output folder (default: %(default)s)",
    )  # fmt: skip
    group.add_argument(
        "--name", default=TEMPLATE, metavar="TEMPLATE",
        help="path of each stem below the output folder, without its extension; the fields are "
        f"{', '.join(f'{{{f}}}' for f in FIELDS)} (default: %(default)s)",
    )  # fmt: skip
    group.add_argument(
        "--format", type=str.lower, choices=FORMATS, default="wav",
        help="wav and flac are lossless, the others are lossy and smaller; all but wav keep the "
        "song's tags and cover (default: %(default)s)",
    )  # fmt: skip
    depth = group.add_mutually_exclusive_group()
    for flag, subtype in (("--float32", "FLOAT"), ("--int24", "PCM_24")):
        depth.add_argument(
            flag, dest="subtype", action="store_const", const=subtype,
            help=f"write {subtype} instead of PCM_16: larger files, "
            f"{'no clipping' if subtype == 'FLOAT' else 'no rounding to 16 bits'}",
        )  # fmt: skip
    rates = ", ".join(f"{name} {kind.bit_rate}" for name, kind in FORMATS.items() if kind.bit_rate)
    group.add_argument(
        "--bit-rate", type=int, metavar="KBIT",
        help=f"bit rate of a lossy format in kbit/s (default: {rates})",
    )  # fmt: skip
    group.add_argument(
        "--rescale", action="store_true",
        help="if one stem would clip, scale all stems of the song down by the same factor; "
        "otherwise peaks are clipped with a warning",
    )  # fmt: skip
    group.add_argument(
        "--skip-existing", action="store_true", help="skip songs whose stems all exist"
    )


def _add_separation(group: "argparse._ArgumentGroup") -> None:
    group.add_argument(
        "--system", metavar="SYSTEM",
        help=f"{', '.join(system_names())}, or the path of a .yaml file; `mdx systems` describes "
        f"them (default: $MDX_SYSTEM, or {DEFAULT_SYSTEM})",
    )  # fmt: skip
    stems = group.add_mutually_exclusive_group()
    stems.add_argument(
        "--source", action="append", metavar="STEM",
        help=f"write only this stem: {', '.join(SOURCES)}, or another that the system has; faster, "
        "but without the Mixer, if the system has a network for each stem, as demo has; may be "
        "repeated (default: all stems)",
    )  # fmt: skip
    stems.add_argument(
        "--two-stems", metavar="STEM",
        help="write this stem and a second one with everything else; the two add up to the song",
    )  # fmt: skip
    group.add_argument(
        "--precision", choices=PRECISIONS,
        help="bf16, on CPUs that support it, and int8 take less time, half and a third for the "
        "paper's networks, and cost some hundredths of a decibel of global SDR; auto chooses int8 "
        "if the system has it, otherwise bf16 if the CPU does (default: $MDX_PRECISION, or "
        "float32)",
    )  # fmt: skip
    group.add_argument(
        "--limit", metavar="LIMIT",
        help="time limit for each song: SECONDS, ratio:N for N times its duration, or none; "
        "the best quality that fits is chosen (default: $MDX_LIMIT, "
        "$INFERENCE_PER_MUSIC_TIMEOUT_SECONDS, or the system's own)",
    )  # fmt: skip
    group.add_argument(
        "--spend-budget", action="store_true",
        help="take twice the time for slightly better stems; under a time limit, only where it "
        "allows that",
    )  # fmt: skip
    add_runtime_arguments(group)
    group.add_argument(
        "--cluster", metavar="ADDRESS",
        help="separate several songs at once on a Dask cluster, given by its scheduler's address, "
        "by its scheduler file, or as local:N for N workers on this machine",
    )  # fmt: skip


def add_runtime_arguments(group: "argparse._ArgumentGroup") -> None:
    """Add the options that choose the runtime, its device and the number of threads."""
    group.add_argument(
        "--threads", type=int, metavar="N",
        help="number of threads (default: $MDX_THREADS, or one per CPU available to the process)",
    )  # fmt: skip
    group.add_argument(
        "--runtime", choices=tuple(RUNTIMES),
        help="runtime for the networks; auto is OpenVINO for bf16, and for int8 on CPUs with VNNI, "
        "otherwise onnxruntime (default: $MDX_RUNTIME, or auto)",
    )  # fmt: skip
    group.add_argument(
        "--provider", choices=tuple(PROVIDERS),
        help="onnxruntime's device; it is an error if it is unavailable (default: $MDX_PROVIDER, "
        "or cpu)",
    )  # fmt: skip


def _add_reading(group: "argparse._ArgumentGroup") -> None:
    group.add_argument(
        "--stream", type=int, metavar="N",
        help="number of the audio stream to read, for files such as videos that have several; the "
        "first is 1 (default: the first)",
    )  # fmt: skip
    group.add_argument(
        "--downmix", action="store_true",
        help="mix songs with more than two channels down to stereo; otherwise they are refused",
    )  # fmt: skip


def _add_reports(group: "argparse._ArgumentGroup") -> None:
    detail = group.add_mutually_exclusive_group()
    detail.add_argument("--quiet", action="store_true", help="print errors only")
    detail.add_argument("--verbose", action="store_true", help="also print informational messages")
    detail.add_argument(
        "--json", action="store_true",
        help="print one JSON object per line: begun, progress, done with paths and seconds, failed "
        "with the reason, summary",
    )  # fmt: skip
    group.add_argument("--debug", action="store_true", help="print a traceback with every error")
