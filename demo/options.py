"""The parser of the demo's command lines."""

import argparse


class Parser(argparse.ArgumentParser):
    """A parser whose errors take one line, without the usage."""

    def error(self, message: str) -> None:  # type: ignore[override]
        """End with exit code 2."""
        self.exit(2, f"{self.prog}: error: {message}\n")
