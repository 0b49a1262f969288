import warnings
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper
from onnxruntime.capi.onnxruntime_pybind11_state import EPFail

from mdx.errors import NetworkError
from mdx.runtimes.onnx import PROVIDERS, OnnxNetwork

Shape = list[int | str]


def graph(shape: Shape, *, out: Shape | None = None, kind: int = TensorProto.FLOAT) -> bytes:
    """An ONNX file whose one node hands its input on, or swaps its last axes to come `out`."""
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


@pytest.mark.parametrize("batch", ["batch_size", 1])
def test_the_graph_tells_its_size(batch: int | str) -> None:
    network = OnnxNetwork(graph([batch, 4, 48, 32]), "x.onnx", threads=1)
    assert (network.dim_f, network.dim_t) == (48, 32)
    spectrogram = np.random.default_rng(0).standard_normal((4, 48, 32)).astype(np.float32)
    np.testing.assert_array_equal(network(spectrogram), spectrogram)


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
def test_other_layouts_are_refused(content: bytes) -> None:
    with pytest.raises(NetworkError, match=r"x\.onnx: got input tensor.*fixed F and T"):
        OnnxNetwork(content, "x.onnx", threads=1)


def test_two_inputs_are_refused() -> None:
    model = onnx.load_from_string(graph([1, 4, 48, 32]))
    model.graph.input.append(helper.make_tensor_value_info("more", TensorProto.FLOAT, [1]))
    with pytest.raises(NetworkError, match="more tensor"):
        OnnxNetwork(model.SerializeToString(), "x.onnx", threads=1)


@pytest.mark.parametrize("content", [b"", b"hello", Path(__file__).read_bytes()])
def test_what_is_not_onnx_is_refused_in_one_line(content: bytes) -> None:
    with pytest.raises(NetworkError, match="expected an ONNX network") as caught:
        OnnxNetwork(content, "x.onnx", threads=1)
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
        network(np.zeros((4, 48, 32), dtype=np.float32))


def test_a_provider_that_drops_out_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    # onnxruntime lists CUDA wherever it was built in, and goes on without it where there is no GPU.
    monkeypatch.setattr(ort, "get_available_providers", lambda: list(PROVIDERS.values()))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(NetworkError, match="CUDAExecutionProvider"):
            OnnxNetwork(graph([1, 4, 48, 32]), "x.onnx", threads=1, provider="cuda")
