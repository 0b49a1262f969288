"""Networks on disk in either runtime: which are loaded, and which are refused."""

import threading
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper
from onnxruntime.capi.onnxruntime_pybind11_state import EPFail

from mdx.errors import NetworkError
from mdx.estimators.spectrogram import check_layout
from mdx.runtimes.onnx import PROVIDERS, OnnxNetwork
from mdx.runtimes.openvino import OpenVinoNetwork

Shape = list[int | str]


def graph(shape: Shape, *, out: Shape | None = None, kind: int = TensorProto.FLOAT) -> bytes:
    """An ONNX file with one node: the identity, or for `out` a transpose of the last axes."""
    ends = [
        helper.make_tensor_value_info(name, kind, size)
        for name, size in (("input", shape), ("output", out or shape))
    ]
    node = helper.make_node("Identity", ["input"], ["output"])
    if out is not None:
        node = helper.make_node("Transpose", ["input"], ["output"], perm=[0, 1, 3, 2])
    model = helper.make_model(
        helper.make_graph([node], "test", ends[:1], ends[1:]),
        opset_imports=[helper.make_opsetid("", 13)],
        ir_version=8,
    )
    content: bytes = model.SerializeToString()
    return content


def stems_graph(stems: int) -> bytes:
    """An ONNX file that repeats a spectrogram for every stem."""
    ends = [
        helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 4, 48, 32]),
        helper.make_tensor_value_info("output", TensorProto.FLOAT, [1, stems, 4, 48, 32]),
    ]
    numbers = {"axis": [1], "shape": [1, stems, 1, 1, 1]}
    constants = [helper.make_tensor(k, TensorProto.INT64, [len(v)], v) for k, v in numbers.items()]
    nodes = [
        helper.make_node("Unsqueeze", ["input", "axis"], ["one"]),
        helper.make_node("Expand", ["one", "shape"], ["output"]),
    ]
    model = helper.make_model(
        helper.make_graph(nodes, "test", ends[:1], ends[1:], constants),
        opset_imports=[helper.make_opsetid("", 13)],
        ir_version=8,
    )
    content: bytes = model.SerializeToString()
    return content


def load(kind: type[OnnxNetwork | OpenVinoNetwork], content: bytes, folder: Path) -> Any:
    """A network from a file named x.onnx."""
    path = folder / "x.onnx"
    path.write_bytes(content)
    return kind(path, path.name, threads=1)


KINDS = pytest.mark.parametrize("kind", [OnnxNetwork, OpenVinoNetwork])


@KINDS
@pytest.mark.parametrize("batch", ["batch_size", 1])
def test_the_graph_tells_its_size(
    kind: type[OnnxNetwork], batch: int | str, tmp_path: Path
) -> None:
    network = load(kind, graph([batch, 4, 48, 32]), tmp_path)
    assert check_layout("x.onnx", network) == (48, 32)
    spectrogram = np.random.default_rng(0).standard_normal((1, 4, 48, 32)).astype(np.float32)
    for _ in range(2):
        np.testing.assert_array_equal(network(spectrogram), spectrogram)
    out = np.zeros_like(spectrogram)
    assert network(spectrogram, out) is out
    np.testing.assert_array_equal(out, spectrogram)


@KINDS
def test_an_axis_of_stems_comes_out(kind: type[OnnxNetwork], tmp_path: Path) -> None:
    network = load(kind, stems_graph(3), tmp_path)
    assert check_layout("x.onnx", network, 3) == (48, 32)
    spectrogram = np.random.default_rng(0).standard_normal((1, 4, 48, 32)).astype(np.float32)
    found = network(spectrogram)
    np.testing.assert_array_equal(found, np.stack([spectrogram] * 3, axis=1))
    with pytest.raises(NetworkError, match=r"x\.onnx: got input .*for 2 stems"):
        check_layout("x.onnx", network, 2)


@KINDS
def test_threads_share_a_network(kind: type[OnnxNetwork], tmp_path: Path) -> None:
    network = load(kind, graph([1, 4, 48, 32]), tmp_path)
    wrong = []

    def call(seed: int) -> None:
        rng = np.random.default_rng(seed)
        for _ in range(200):
            values = rng.standard_normal((1, 4, 48, 32)).astype(np.float32)
            found = network(values)
            time.sleep(0)
            if not np.array_equal(found, values):
                wrong.append(seed)

    threads = [threading.Thread(target=call, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@pytest.mark.parametrize(
    "content",
    [
        graph(["batch", 4, 48]),  # rank
        graph(["batch", 2, 48, 32]),  # channels
        graph(["batch", 4, 48, "frames"]),  # dynamic time
        graph(["batch", 4, "bins", 32]),  # dynamic frequency
        graph([8, 4, 48, 32]),  # a fixed batch of more than one
        graph(["batch", 4, 48, 32], out=["batch", 4, 32, 48]),  # another layout comes out
        graph(["batch", 4, 48, 32], kind=TensorProto.DOUBLE),  # type
    ],
)
@KINDS
def test_other_layouts_are_refused(kind: type[OnnxNetwork], content: bytes, tmp_path: Path) -> None:
    with pytest.raises(NetworkError, match=r"x\.onnx: got ") as caught:
        check_layout("x.onnx", load(kind, content, tmp_path))
    assert "\n" not in str(caught.value)


def test_two_inputs_are_refused() -> None:
    model = onnx.load_from_string(graph([1, 4, 48, 32]))
    model.graph.input.append(helper.make_tensor_value_info("more", TensorProto.FLOAT, [1]))
    with pytest.raises(NetworkError, match="more tensor"):
        OnnxNetwork(model.SerializeToString(), "x.onnx", threads=1)


@KINDS
@pytest.mark.parametrize("content", [b"", b"hello", Path(__file__).read_bytes()])
def test_a_file_that_is_not_onnx_is_refused_in_one_line(
    kind: type[OnnxNetwork], content: bytes, tmp_path: Path
) -> None:
    with pytest.raises(NetworkError, match="expected an ONNX network") as caught:
        load(kind, content, tmp_path)
    assert "\n" not in str(caught.value)


def test_a_provider_that_is_not_there_is_never_replaced() -> None:
    missing = next(name for name, provider in PROVIDERS.items()
                   if provider not in ort.get_available_providers())  # fmt: skip
    with pytest.raises(NetworkError, match=f"provider {missing}: got onnxruntime with .*expected"):
        OnnxNetwork(graph([1, 4, 48, 32]), "x.onnx", threads=1, provider=missing)


def test_a_provider_that_fails_in_a_song_is_not_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    network = OnnxNetwork(graph([1, 4, 48, 32]), "x.onnx", threads=1)

    class Failing:
        def run(self, *_: object) -> None:
            raise EPFail("out of memory")

        def is_webgpu_graph_capture_enabled(self) -> bool:
            return False

    monkeypatch.setattr(network._session, "_sess", Failing())
    with pytest.raises(EPFail, match="out of memory"):
        network(np.zeros((1, 4, 48, 32), dtype=np.float32))


def test_a_provider_that_drops_out_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    # onnxruntime lists CUDA if it was built in, and continues without it if there is no GPU.
    monkeypatch.setattr(ort, "get_available_providers", lambda: list(PROVIDERS.values()))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(NetworkError, match="CUDAExecutionProvider"):
            OnnxNetwork(graph([1, 4, 48, 32]), "x.onnx", threads=1, provider="cuda")
