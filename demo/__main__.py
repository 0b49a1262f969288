"""Command line: python -m demo --out DIR --train N --test M --seconds S --seed K --jobs J."""

import argparse
import json
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from demo.errors import DemoError
from demo.options import Parser
from demo.packs.catalogue import Pack, find_packs, read_catalogue
from demo.render import Request
from demo.write import FACTS, write_songs
from mdx.errors import MdxError
from mdx.machine import available_cpus


def get_parser() -> argparse.ArgumentParser:
    """The parser of the command line."""
    parser = Parser(
        prog="python -m demo", description="Compose and render songs in MUSDB18-HQ layout."
    )
    parser.add_argument("--out", type=Path, required=True, help="folder to write to")
    parser.add_argument("--train", type=int, default=0, help="number of training songs")
    parser.add_argument("--test", type=int, default=4, help="number of test songs")
    parser.add_argument("--seconds", type=float, default=20.0, help="duration of each song")
    parser.add_argument("--seed", type=int, default=1, help="seed; another one gives other songs")
    parser.add_argument("--jobs", type=int, default=available_cpus(),
                        help="songs rendered at once (default: the number of CPUs)")  # fmt: skip
    parser.add_argument("--espeak", action="store_true",
                        help="half of the singers articulate like an espeak-ng voice")  # fmt: skip
    parser.add_argument("--soundfont", type=Path,
                        help="a SoundFont (.sf2 or .sf3) for about half of the parts")  # fmt: skip
    parser.add_argument("--packs", action="store_true",
                        help="play some parts from recordings: the packs of demo/packs that "
                        "are installed")  # fmt: skip
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Write the songs and print one line each; returns the exit code.

    It is 0, or 1 if a song could not be made, 2 for invalid options, 130 after Ctrl-C or
    SIGTERM.
    """
    args = get_parser().parse_args(argv)
    try:
        for folder in write_songs(args.out, _get_requests(args), jobs=args.jobs):
            print(_describe(folder), flush=True)
    except (MdxError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted: the songs above are complete; run the same command again to continue",
              file=sys.stderr)  # fmt: skip
        return 130
    return 0


def _get_requests(args: argparse.Namespace) -> list[Request]:
    if min(args.train, args.test) < 0:
        raise DemoError(
            "--train, --test", got=f"{args.train}, {args.test} songs", expected="0 or more"
        )
    if args.jobs < 1:
        raise DemoError("--jobs", got=args.jobs, expected="1 or more")
    if args.packs and args.soundfont:
        raise DemoError("--packs, --soundfont", got="both", expected="one of them",
                        hint="packs include SoundFonts")  # fmt: skip
    packs = _find_packs() if args.packs else ()
    return [
        Request(split, index, args.seconds, args.seed, args.espeak, args.soundfont, packs)
        for split, count in (("train", args.train), ("test", args.test))
        for index in range(count)
    ]


def _find_packs() -> tuple[Pack, ...]:
    """Return the installed packs, and print which are installed and which are not."""
    installed, missing = find_packs(read_catalogue())
    for pack in installed:
        print(f"pack {pack.name}: {pack.licence}; {pack.attribution}", flush=True)
    for pack in missing:
        print(f"pack {pack.name} is not installed: {pack.source} {pack.version}", flush=True)
    if not installed:
        raise DemoError("--packs", got="no installed pack", expected="one of the above",
                        hint="install one, or omit --packs")  # fmt: skip
    return installed


def _describe(folder: Path) -> str:
    facts = json.loads((folder / FACTS).read_text())
    return (
        f"{folder}: {facts['genre']}, {facts['tempo']} bpm, {facts['meter']}, {facts['key']}: "
        f"{facts['progression']}; {facts['bass']} bass, {facts['drums']} drums, "
        f"{', '.join(facts['instruments'])}; {facts['singer']['sung']} in "
        f"{facts['singer']['language']}"
    )


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # it ends the work like Ctrl-C
    sys.exit(main())
