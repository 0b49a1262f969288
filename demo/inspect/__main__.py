"""Command line: python -m demo.inspect DIR [--page demo.html] [--songs 12] [--excerpt 8]."""

import argparse
import math
import sys
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from demo.inspect.page import Page
from demo.inspect.songs import find_songs
from demo.inspect.summary import measure_songs, text_report
from demo.options import Parser
from mdx.errors import MdxError


def get_parser() -> argparse.ArgumentParser:
    """The parser of the command line."""
    parser = Parser(
        prog="python -m demo.inspect",
        description="Measure songs in MUSDB18-HQ layout and compare them with real stems.",
    )
    parser.add_argument("folder", type=Path, metavar="DIR", help="songs, or train/ and test/")
    parser.add_argument("--page", type=Path, help="page to write (default: DIR/demo.html)")
    parser.add_argument("--songs", type=_songs, default=12, help="songs with players on the page")
    parser.add_argument("--excerpt", type=_seconds, default=8.0, help="seconds of each player")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Print the tables and write the page; returns the exit code.

    It is 0, or 1 if the songs cannot be measured, 2 for invalid options, 130 after Ctrl-C.
    """
    args = get_parser().parse_args(argv)
    path = args.page or args.folder / "demo.html"
    try:
        page = Page()
        songs = find_songs(args.folder)
        bar = tqdm(measure_songs(songs), total=len(songs), unit="song", disable=None)
        measured = list(bar)
        print(text_report(measured))
        title = args.folder.resolve().name
        page.write(path, title, measured, songs=args.songs, excerpt=args.excerpt)
    except (MdxError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted: no page was written", file=sys.stderr)
        return 130
    print(f"wrote {path}")
    return 0


def _songs(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"got '{text}', expected a whole number >= 0")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < math.inf:
        raise argparse.ArgumentTypeError(f"got '{text}', expected seconds > 0")
    return seconds


if __name__ == "__main__":
    sys.exit(main())
