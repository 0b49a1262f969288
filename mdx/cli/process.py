"""Signals, output streams and exit codes of a command-line process."""

import contextlib
import io
import os
import signal
import sys
import unicodedata
from collections.abc import Iterator
from types import FrameType

from mdx.interrupts import SIGNALS


class Stopped(KeyboardInterrupt):
    """A signal that ends the process once its unfinished work is cleaned up."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.exit_code = 128 + number


@contextlib.contextmanager
def stopping_cleanly() -> Iterator[None]:
    """Make SIGINT, SIGTERM and SIGHUP raise Stopped; a second one ends the process at once.

    An ignored signal, such as SIGHUP under nohup, stays ignored. Outside the main thread nothing is
    changed.
    """
    before = {}
    try:
        for number in SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:
                before[number] = signal.signal(number, _stop)
    except ValueError:  # only the main thread may set handlers
        pass
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _stop(number: int, _: FrameType | None) -> None:
    for other in SIGNALS:
        if signal.getsignal(other) is _stop:
            signal.signal(other, signal.SIG_DFL)
    raise Stopped(number)


def print_any_name() -> None:
    """Make both output streams escape characters that their encoding lacks."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def plain(text: object) -> str:
    """A text in one line that cannot command a terminal: its control characters are escaped."""
    return "".join(
        char.encode("unicode_escape").decode() if unicodedata.category(char) == "Cc" else char
        for char in str(text)
    )


def say(text: str) -> None:
    """Print a line at once; if the reader is gone, the work continues."""
    if sys.stdout is None:
        return
    try:
        print(text, flush=True)
    except OSError as error:
        complain(f"standard output: got {error.strerror}, expected a reader; no more is printed")
        # The interpreter would try once more at exit.
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def complain(text: object) -> None:
    """Print an error on one line."""
    note(f"error: {plain(' '.join(str(text).split()))}")


def note(text: str) -> None:
    """Print a line on standard error, unless that is closed."""
    if sys.stderr is None:  # which print would take for standard output
        return
    with contextlib.suppress(OSError):
        print(text, file=sys.stderr, flush=True)
