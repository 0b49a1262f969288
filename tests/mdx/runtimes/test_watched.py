"""Calls of networks that are broken off while they run, in either runtime."""

import gc
import threading
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from mdx.runtimes import watched as module
from mdx.runtimes.network import Network
from mdx.runtimes.onnx import OnnxNetwork
from mdx.runtimes.openvino import OpenVinoNetwork
from mdx.runtimes.watched import run_watched, watching
from mdx.systems.spec import Audio
from tests.mdx.runtimes.slow_network import SIZE, Reason, after, save_rotations, values


@pytest.fixture(autouse=True)
def checks_come_soon(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Check every millisecond; no thread is left by the end of a test."""
    monkeypatch.setattr(module, "POLL", 0.001)
    before = threading.active_count()
    yield
    assert threading.active_count() <= before


@pytest.fixture(params=[(OnnxNetwork, 1), (OpenVinoNetwork, 1), (OpenVinoNetwork, 2)])
def network(request: pytest.FixtureRequest, tmp_path: Path) -> Network:
    """That network in either runtime."""
    save_rotations(tmp_path / "x.onnx")
    kind, threads = request.param
    found: Network = kind(tmp_path / "x.onnx", "x.onnx", threads=threads)
    return found


@pytest.mark.parametrize("out", [None, np.zeros((1, SIZE, SIZE), np.float32)])
def test_a_call_is_broken_off_and_the_next_one_is_not(network: Network, out: Audio | None) -> None:
    expected = network(values()).copy()
    for looks in (1, 2, 3):
        with watching(after(looks)), pytest.raises(Reason):
            network(values(), out)
        np.testing.assert_array_equal(network(values(), out), expected)


def test_a_call_that_passes_its_checks_is_what_it_would_be(network: Network) -> None:
    looks: list[None] = []
    expected = network(values()).copy()
    with watching(lambda: looks.append(None)):
        np.testing.assert_array_equal(network(values()), expected)
    assert len(looks) > 1
    seen = len(looks)
    network(values())  # it is not watched any more
    assert len(looks) == seen


def test_a_call_of_another_thread_is_not_broken_off(network: Network) -> None:
    expected = network(values()).copy()
    found: list[Audio] = []
    other = threading.Thread(target=lambda: found.append(network(values()).copy()))
    with watching(after(1)):
        other.start()
        with pytest.raises(Reason):
            network(values())
    other.join()
    np.testing.assert_array_equal(found[0], expected)


def test_a_call_is_ended_again_until_it_has_ended() -> None:
    # It may not have begun when `end` is called for the first time.
    ends = threading.Semaphore(0)

    def call() -> None:
        for _ in range(3):
            assert ends.acquire(timeout=60)
        raise RuntimeError("broken off")

    with watching(after(1)), pytest.raises(Reason):
        run_watched(call, ends.release)


def until_ended(then: Callable[[], str]) -> str:
    """A call that is broken off at once, and what it does then."""
    ended = threading.Event()

    def call() -> str:
        assert ended.wait(60)
        return then()

    with watching(after(1)):
        return run_watched(call, ended.set)


def failing(error: BaseException) -> Callable[[], str]:
    def fail() -> str:
        raise error

    return fail


def test_a_call_that_succeeds_in_the_end_is_kept() -> None:
    assert until_ended(lambda: "found") == "found"


def test_another_error_stays_what_it_is() -> None:
    with pytest.raises(ValueError, match="of its own"), watching(after(10**9)):
        run_watched(failing(ValueError("of its own")), print)


def test_the_error_that_ended_a_call_is_told_as_the_cause() -> None:
    with pytest.raises(Reason) as caught:
        until_ended(failing(RuntimeError("broken off")))
    assert str(caught.value.__cause__) == "broken off"


def test_an_interrupt_is_not_replaced() -> None:
    with pytest.raises(KeyboardInterrupt):
        until_ended(failing(KeyboardInterrupt()))


def test_what_a_broken_off_call_held_is_freed_with_its_error() -> None:
    def call() -> weakref.ref[set[int]]:
        signals = {1, 2, 3}
        held.append(weakref.ref(signals))
        until_ended(fail)
        return held[0]

    def fail() -> str:
        raise RuntimeError  # made here: an error of its own frame's variables would be a cycle

    held: list[weakref.ref[set[int]]] = []
    gc.disable()
    try:
        with pytest.raises(Reason) as caught:
            call()
        del caught
        assert held[0]() is None
    finally:
        gc.enable()


@pytest.mark.parametrize("error", [RuntimeError("can't start new thread"), MemoryError()])
def test_without_memory_for_a_thread_a_call_is_not_watched(
    network: Network, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = network(values()).copy()

    def start(_: threading.Thread) -> None:
        raise error

    monkeypatch.setattr(threading.Thread, "start", start)
    with watching(after(1)):
        np.testing.assert_array_equal(network(values()), expected)
