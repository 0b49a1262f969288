"""Calls of networks that are broken off while they run, in either runtime."""

import itertools
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from mdx.runtimes import watched as module
from mdx.runtimes.network import Network
from mdx.runtimes.onnx import OnnxNetwork
from mdx.runtimes.openvino import OpenVinoNetwork
from mdx.runtimes.watched import watched, watching
from mdx.systems.spec import Audio

LAYERS = 250  # a product of half a millisecond or more each
SIZE = 384


class Reason(Exception):
    """What a check raises here."""


@pytest.fixture(autouse=True)
def checks_come_soon(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Check every millisecond; no thread is left by the end of a test."""
    monkeypatch.setattr(module, "POLL", 0.001)
    before = threading.active_count()
    yield
    assert threading.active_count() == before


@pytest.fixture(params=[(OnnxNetwork, 1), (OpenVinoNetwork, 1), (OpenVinoNetwork, 2)])
def network(request: pytest.FixtureRequest, tmp_path: Path) -> Network:
    """A network that takes many checks: it multiplies by the same rotation again and again."""
    rng = np.random.default_rng(0)
    rotation = np.linalg.qr(rng.standard_normal((SIZE, SIZE)))[0].astype(np.float32)
    names = ["input", *(f"signal{index}" for index in range(1, LAYERS)), "output"]
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, SIZE, SIZE])
        for name in (names[0], names[-1])
    ]
    nodes = [
        helper.make_node("MatMul", [source, "rotation"], [sink])
        for source, sink in itertools.pairwise(names)
    ]
    weights = [numpy_helper.from_array(rotation, "rotation")]
    model = helper.make_model(
        helper.make_graph(nodes, "test", ends[:1], ends[1:], weights),
        opset_imports=[helper.make_opsetid("", 13)], ir_version=8,
    )  # fmt: skip
    onnx.save(model, tmp_path / "x.onnx")
    kind, threads = request.param
    found: Network = kind(tmp_path / "x.onnx", "x.onnx", threads=threads)
    return found


def values() -> Audio:
    return np.random.default_rng(1).standard_normal((1, SIZE, SIZE)).astype(np.float32)


def after(looks: int) -> Callable[[], None]:
    """A check that raises Reason from its nth call on."""
    count = iter(range(looks - 1))

    def check() -> None:
        if next(count, None) is None:
            raise Reason

    return check


@pytest.mark.parametrize("out", [None, np.zeros((1, SIZE, SIZE), np.float32)])
def test_a_call_is_broken_off_and_the_next_one_is_not(network: Network, out: Audio | None) -> None:
    expected = network(values()).copy()
    for looks in (1, 3, 10):
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
    with watching(after(1)), pytest.raises(Reason), watched(ends.release):
        for _ in range(3):
            assert ends.acquire(timeout=60)
        raise RuntimeError("broken off")


def test_a_call_that_succeeds_in_the_end_is_kept() -> None:
    ended = threading.Event()
    with watching(after(1)), watched(ended.set):
        assert ended.wait(60)


def test_another_error_stays_what_it_is() -> None:
    with pytest.raises(ValueError, match="of its own"), watching(after(10**9)), watched(print):
        raise ValueError("of its own")


def test_the_error_that_ended_a_call_is_told_as_the_cause() -> None:
    ended = threading.Event()
    with pytest.raises(Reason) as caught, watching(after(1)), watched(ended.set):
        assert ended.wait(60)
        raise RuntimeError("broken off")
    assert str(caught.value.__cause__) == "broken off"


def test_an_interrupt_is_not_replaced() -> None:
    ended = threading.Event()
    with pytest.raises(KeyboardInterrupt), watching(after(1)), watched(ended.set):
        assert ended.wait(60)
        raise KeyboardInterrupt


def test_without_memory_for_a_thread_a_call_is_not_watched(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = network(values()).copy()

    def start(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)
    with watching(after(1)):
        np.testing.assert_array_equal(network(values()), expected)
