"""Breaking off a network's call while it runs, from a second thread that watches it."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar

POLL = 0.02  # seconds between two checks
Check = Callable[[], None]

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


@contextmanager
def watched(end: Callable[[], None]) -> Iterator[None]:
    """A block that is one call of a network, which `end` breaks off from another thread.

    `end` may come before the network has begun, or when it is done: it is called until the block
    ends. Raises what the check of `watching` has raised, if the block fails because of it.
    """
    check = _check.get()
    if check is None:
        yield
        return
    done, reasons = threading.Event(), list[Exception]()
    watch = threading.Thread(target=_watch, args=(done, check, end, reasons), daemon=True)
    try:
        with suppress(RuntimeError):  # no memory for a thread: better unwatched than not at all
            watch.start()
        yield
    except Exception as error:
        if reasons:
            raise reasons[0] from error
        raise
    finally:
        done.set()
        if watch.is_alive():  # a signal may have come before it was
            watch.join()


def _watch(
    done: threading.Event, check: Check, end: Callable[[], None], reasons: list[Exception]
) -> None:
    while not done.wait(POLL):
        try:
            if not reasons:
                check()
        except Exception as reason:
            reasons.append(reason)
        if reasons:
            end()
