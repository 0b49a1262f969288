"""Breaking off a network's call while it runs, from a second thread that watches it."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import TypeVar

POLL = 0.02  # seconds between two checks
Check = Callable[[], None]
T = TypeVar("T")

_check: ContextVar[Check | None] = ContextVar("check", default=None)


@contextmanager
def watching(check: Check) -> Iterator[None]:
    """Call `check` every POLL seconds during each network call that this thread makes in the block.

    Once it has raised an exception, the call is broken off, and raises that exception.
    """
    token = _check.set(check)
    try:
        yield
    finally:
        _check.reset(token)


def run_watched(call: Callable[[], T], end: Callable[[], None]) -> T:
    """Make a network's call, which `end` breaks off from another thread, within one operator or so.

    `end` may come before the network has begun, so it is called until the call ends. Raises what
    the check of `watching` has raised, if the call fails because of it.
    """
    check = _check.get()
    if check is None:
        return call()
    done, running, reasons = threading.Event(), True, list[Exception]()
    thread: threading.Thread | None = None

    def watch() -> None:
        while running and not done.wait(POLL):
            try:
                if not reasons:
                    check()
            except Exception as reason:
                reasons.append(reason)
            if reasons and running:
                end()

    try:
        # Without memory for a thread: better unwatched than not at all.
        with suppress(RuntimeError, MemoryError):
            thread = threading.Thread(target=watch, daemon=True)
            thread.start()
        return call()
    except Exception as error:
        if reasons:
            raise reasons[0] from error
        raise
    finally:
        running = False  # at once: a signal may come in the next line, and `end` hit another call
        done.set()
        if thread and thread.is_alive():  # a signal may have come before it was
            thread.join()
        reasons.clear()  # it would be part of a cycle with the exception's traceback
