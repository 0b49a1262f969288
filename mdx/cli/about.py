"""Options that print something about `mdx` and exit; what they need is slow to import."""

import argparse
from collections.abc import Sequence
from typing import Any

from mdx.errors import ConfigError

DISTRIBUTION = "kuielab-mdx-net"


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
        print(shtab.complete(parser, shell=shell))
        parser.exit()


def version() -> str:
    """The installed version."""
    from importlib import metadata

    try:
        return f"mdx {metadata.version(DISTRIBUTION)}"
    except metadata.PackageNotFoundError:
        return "mdx, not installed: run from its repository"
