"""Where a signal may interrupt the main thread: at every moment of a wait, and not in a start."""

import signal
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import contextmanager
from types import FrameType
from typing import TypeVar

T = TypeVar("T")
SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)
POLL = 0.2  # seconds


def each_completed(futures: Iterable[Future[T]]) -> Iterator[Future[T]]:
    """Yield each future once it is done, and let a signal interrupt the wait.

    A signal that arrives just as a wait begins is handled only after that wait, which therefore
    must not last as long as a song.
    """
    waiting = set(futures)
    while waiting:
        done, waiting = wait(waiting, POLL, FIRST_COMPLETED)
        yield from done


@contextmanager
def interrupts_deferred() -> Iterator[None]:
    """Handle a signal that arrives during the block at its end.

    For starting a pool's threads: the pool would not wait for one whose start was interrupted.
    Outside the main thread, which alone handles signals, nothing is changed.
    """
    arrived: list[int] = []

    def note(number: int, _: FrameType | None) -> None:
        arrived.append(number)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handled = [number for number in SIGNALS if callable(signal.getsignal(number))]
    before = {number: signal.signal(number, note) for number in handled}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for number in arrived[:1]:
            signal.raise_signal(number)
