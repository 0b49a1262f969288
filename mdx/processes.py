"""Work that is divided among processes, none of which outlives the one that started them."""

import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context, parent_process

from mdx.errors import ProcessError


@contextmanager
def worker_processes(count: int, *, work: object) -> Iterator[ProcessPoolExecutor]:
    """Yield a pool of processes; in the end those that are at work finish, and no others begin.

    Ctrl-C does not reach them, and if this process is killed they end at once. Raises ProcessError,
    about the `work`, if one of them is killed.
    """
    # Spawned, since a fork would inherit the threads of numerical libraries in a broken state.
    pool = ProcessPoolExecutor(count, get_context("spawn"), initializer=_settle_in)
    try:
        yield pool
    except BrokenProcessPool as error:
        raise ProcessError(
            work, got="a process that was killed", expected=f"{count} that finish",
            hint="for want of memory, perhaps: give a smaller --jobs",
        ) from error  # fmt: skip
    finally:
        pool.shutdown(cancel_futures=True)


def _settle_in() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)  # whatever the other threads are doing
