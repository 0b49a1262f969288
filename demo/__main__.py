"""Command line: python -m demo --out DIR --train N --test M --seconds S --seed K."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from demo.render import DemoError, write_songs


class _Parser(argparse.ArgumentParser):
    """A parser whose errors take one line, without the usage."""

    def error(self, message: str) -> None:  # type: ignore[override]
        self.exit(2, f"demo: {message}\n")


def get_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = _Parser(prog="demo", description="Compose and render songs in MUSDB18-HQ layout.")
    parser.add_argument("--out", type=Path, required=True, help="folder to write to")
    parser.add_argument("--train", type=int, default=0, help="number of training songs")
    parser.add_argument("--test", type=int, default=4, help="number of test songs")
    parser.add_argument("--seconds", type=float, default=20.0, help="duration of each song")
    parser.add_argument("--seed", type=int, default=1, help="another seed, other songs")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Write the songs, print one line each, and return the exit code."""
    args = get_parser().parse_args(argv)
    try:
        folders = write_songs(
            args.out, train=args.train, test=args.test, seconds=args.seconds, seed=args.seed
        )
    except (DemoError, OSError) as error:
        print(f"demo: {error}", file=sys.stderr)
        return 2
    for folder in folders:
        facts = json.loads((folder / "song.json").read_text())
        print(f"{folder}: {facts['genre']}, {facts['tempo']} bpm, {facts['mode']} "
              f"{facts['progression']}, {'+'.join(facts['instruments'])}")  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main())
