"""Signals that arrive at inconvenient moments, which a test can choose."""

import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from mdx.interrupts import each_completed, interrupts_deferred


@pytest.fixture
def to_others() -> Iterator[None]:
    """Let the system give SIGINT to other threads, so that it does not wake up this one."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    yield
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


def interrupt_from_here() -> None:
    """Send SIGINT to the process, and take it in this thread."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    os.kill(os.getpid(), signal.SIGINT)


def test_futures_come_as_they_complete() -> None:
    first, second = Future[int](), Future[int]()
    second.set_result(2)
    found = each_completed([first, second])
    assert next(found) is second
    first.set_exception(ValueError())
    assert next(found) is first
    assert list(found) == list(each_completed([])) == []


@pytest.mark.usefixtures("to_others")
def test_a_signal_that_does_not_wake_up_the_wait_interrupts_it() -> None:
    # As if it had arrived when the wait was about to begin: it is known, but nobody is woken up.
    never = Future[None]()
    giving_up = threading.Timer(60, never.set_result, [None])
    giving_up.start()
    threading.Timer(0.1, interrupt_from_here).start()
    try:
        with pytest.raises(KeyboardInterrupt):
            list(each_completed([never]))
        assert not never.done()
    finally:
        giving_up.cancel()


def test_a_signal_waits_for_the_end_of_a_start() -> None:
    before = signal.getsignal(signal.SIGINT)
    started = []
    with pytest.raises(KeyboardInterrupt), ThreadPoolExecutor() as pool, interrupts_deferred():
        started.append(pool.submit(int))
        os.kill(os.getpid(), signal.SIGINT)
        started.append(pool.submit(int))
    assert len(started) == 2
    assert signal.getsignal(signal.SIGINT) is before


def test_a_signal_is_handled_although_the_start_fails() -> None:
    with pytest.raises(KeyboardInterrupt), interrupts_deferred():
        os.kill(os.getpid(), signal.SIGINT)
        raise OSError


def test_ignored_signals_stay_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with interrupts_deferred():
            os.kill(os.getpid(), signal.SIGHUP)
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_other_threads_change_nothing() -> None:
    found = []

    def look() -> None:
        with interrupts_deferred():
            found.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert found == [signal.getsignal(signal.SIGINT)]
