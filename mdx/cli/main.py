"""The command `mdx`."""

import argparse
import difflib
import importlib
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NoReturn

from mdx.cli.about import PrintCompletion, PrintVersion
from mdx.cli.arguments import add_separate_arguments
from mdx.cli.process import Stopped, complain, note, print_any_name, say, stopping_cleanly
from mdx.cli.separate import separate
from mdx.cli.serve import add_serve_arguments, serve
from mdx.cli.systems import system_text, systems_table
from mdx.errors import ConfigError, MdxError
from mdx.systems.spec import MODELS

DESCRIPTION = "Separate songs into their stems: bass, drums, other and vocals."
PAGE = "Serve a web page on which to separate songs and listen to their stems."
EPILOG = """mdx separate song.mp3          writes separated/song/{bass,drums,other,vocals}.wav
mdx COMMAND --help             the options of a command, with examples
"""
OWN = ("separate", "systems", "serve")  # a file in the current folder may have such a name
# Commands of the repository's other packages: module and purpose.
ELSEWHERE: Mapping[str, tuple[str, str]] = MappingProxyType({
    "fetch": ("models.fetch.__main__", "download a system's released weights and verify them"),
    "describe": ("models.describe.__main__", "describe a network file and write a system for it"),
    "evaluate": ("evaluator.run", "separate a test set and score the stems"),
})  # fmt: skip


class _Command(argparse.ArgumentParser):
    """A command's parser, which answers a slip with what may have been meant."""

    def parse_known_args(self, *args: Any, **options: Any) -> tuple[Any, list[str]]:
        """As in argparse, but what is not known is an error of this command."""
        found, unknown = super().parse_known_args(*args, **options)
        if unknown:
            self._refuse(unknown[0])
        return found, unknown

    def _refuse(self, word: str) -> NoReturn:
        if not word.startswith("-"):
            self.error(f"got '{word}', expected nothing more; {self.prog} --help shows its use")
        known = re.findall(r"--[a-z0-9-]+", self.format_help())
        near = difflib.get_close_matches(word.partition("=")[0], known, n=1, cutoff=0.75)
        hint = f"did you mean {near[0]}?" if near else f"{self.prog} --help lists them"
        if _exists(word):
            hint = f"the file of that name is ./{word}"
        self.error(f"got '{word}', expected an option of {self.prog}; {hint}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    print_any_name()
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    try:
        with stopping_cleanly():
            if arguments and arguments[0] in ELSEWHERE:
                return _run_elsewhere(arguments[0], arguments[1:])
            parser = get_parser()
            if not arguments:
                parser.print_help()
                return 2
            first = arguments[0]
            if not first.startswith("-") and first not in OWN and _exists(first):
                parser.error(f"got '{first}', expected a command; mdx separate separates it")
            args = parser.parse_args(arguments)
            command: Callable[[argparse.Namespace], int] = args.command
            return command(args)
    except MdxError as error:
        complain(error)
        return 1
    except Stopped as stop:
        note("interrupted: the unfinished song has no stems")
        return stop.exit_code
    except MemoryError:
        complain("memory: got too little, expected enough for the networks; close other programs")
        return 1


def get_parser() -> argparse.ArgumentParser:
    """The commands and their options."""
    parser = argparse.ArgumentParser(
        prog="mdx", description=DESCRIPTION, epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--version", action=PrintVersion, help="print the installed version")
    parser.add_argument(
        "--print-completion", action=PrintCompletion, metavar="SHELL",
        help="print a completion script for this shell, such as bash or zsh",
    )  # fmt: skip
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=_Command)
    one = commands.add_parser("separate", help="separate songs", description=DESCRIPTION)
    add_separate_arguments(one)
    one.set_defaults(command=lambda args: _separate(one, args))
    table = commands.add_parser("systems", help="list the systems, or describe one")
    table.add_argument(
        "name", nargs="?", metavar="NAME", help="name of a system, or path of its .yaml file"
    )
    page = commands.add_parser(
        "serve", help="serve a web page on which to separate songs", description=PAGE
    )
    add_serve_arguments(page)
    page.set_defaults(command=serve)
    table.set_defaults(command=_print_systems)
    for name, (_, purpose) in ELSEWHERE.items():
        commands.add_parser(name, help=purpose, add_help=False)
    return parser


def _exists(argument: str) -> bool:
    # Path.exists raises for a name that is too long.
    return os.path.exists(argument)  # noqa: PTH110


def _separate(parser: argparse.ArgumentParser, args: argparse.Namespace) -> int:
    if not args.files and not args.lists:
        parser.error("no songs: name at least one FILE, or a --list")
    return separate(args)


def _print_systems(args: argparse.Namespace) -> int:
    say(systems_table() if args.name is None else system_text(args.name))
    return 0


def _run_elsewhere(name: str, arguments: Sequence[str]) -> int:
    module, purpose = ELSEWHERE[name]
    root = str(Path(MODELS).parent)
    if root not in sys.path:
        sys.path.insert(0, root)  # before any other package of these names
    try:
        found = importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"mdx {name}", got=f"no {error.name} here", expected=f"it, to {purpose}",
            hint="clone the repository and install what its README names for this command",
        ) from error  # fmt: skip
    code: int = found.main(arguments, prog=f"mdx {name}")
    return code
