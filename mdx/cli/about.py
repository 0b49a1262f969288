"""Options that print something about `mdx` and exit; what they need is slow to import."""

import argparse
from collections.abc import Mapping, Sequence
from typing import Any

from mdx.cli.process import say
from mdx.errors import ConfigError

DISTRIBUTION = "kuielab-mdx-net"
# Metavariables of options that are paths.
PATHS = {"FILE": "file", "SYSTEM": "file", "FOLDER": "folder", "DIR": "folder"}


class PrintVersion(argparse.Action):
    """Prints the installed version."""

    def __init__(self, option_strings: Sequence[str], dest: str, **options: Any) -> None:
        super().__init__(option_strings, dest, nargs=0, **options)

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        """Print it and exit."""
        print(version())
        parser.exit()


class PrintCompletion(argparse.Action):
    """Prints a completion script for a shell; needs the extra `completion`."""

    def __call__(
        self, parser: argparse.ArgumentParser, _: argparse.Namespace, shell: Any, *__: object
    ) -> None:
        """Print it and exit; raises ConfigError without shtab, or for a shell it does not know."""
        try:
            import shtab
        except ImportError as error:
            raise ConfigError(
                "--print-completion", got=f"no {error.name} here",
                expected="it, which writes the script", hint="pip install shtab",
            ) from error  # fmt: skip
        shells = shtab.SUPPORTED_SHELLS
        if shell not in shells:
            expected = f"one of {', '.join(shells)}"
            raise ConfigError("--print-completion", got=repr(shell), expected=expected)
        _complete_paths(parser, {"file": shtab.FILE, "folder": shtab.DIRECTORY})
        say(shtab.complete(parser, shell=shell))
        parser.exit()


def _complete_paths(parser: argparse.ArgumentParser, ways: Mapping[str, Any]) -> None:
    # Without being told, the scripts complete options only.
    for action in parser._actions:  # as shtab itself does, which has no other way in
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                _complete_paths(command, ways)
        elif (kind := PATHS.get(str(action.metavar))) and action.choices is None:
            action.complete = ways[kind]  # type: ignore[attr-defined]


def version() -> str:
    """The installed version."""
    from importlib import metadata

    try:
        return f"mdx {metadata.version(DISTRIBUTION)}"
    except metadata.PackageNotFoundError:
        return "mdx, not installed: run from its repository"
