"""Graph optimisations of the export preserve the function and save work in runtimes."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from mdx.runtimes.onnx import OnnxNetwork
from mdx.runtimes.openvino import OpenVinoNetwork
from models.prepare import prepare, split_normalisation

BINS, FRAMES, CHANNELS = 24, 6, 4


def linear_and_normalisation(seed: int, frames: int = FRAMES) -> onnx.ModelProto:
    """MatMul over the last axis, then BatchNormalization, some of whose scales are negative."""
    rng = np.random.default_rng(seed)
    weights = {
        "w": rng.standard_normal((frames, frames)),
        "gain": rng.standard_normal(CHANNELS),
        "bias": rng.standard_normal(CHANNELS),
        "mean": rng.standard_normal(CHANNELS),
        "variance": rng.uniform(0.5, 2, CHANNELS),
    }
    shape: list[str | int | None] = ["batch", CHANNELS, BINS, frames]
    ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, shape) for n in ("input", "output")]
    nodes = [
        helper.make_node("MatMul", ["input", "w"], ["product"]),
        helper.make_node(
            "BatchNormalization", ["product", "gain", "bias", "mean", "variance"], ["normal"],
            epsilon=1e-3,
        ),
        helper.make_node("Relu", ["normal"], ["output"]),
    ]  # fmt: skip
    tensors = [numpy_helper.from_array(v.astype(np.float32), n) for n, v in weights.items()]
    return helper.make_model(
        helper.make_graph(nodes, "test", ends[:1], ends[1:], tensors),
        opset_imports=[helper.make_opsetid("", 18)],
        ir_version=8,
    )


@pytest.mark.parametrize("seed", range(5))
def test_the_function_stays_the_same(seed: int) -> None:
    model = linear_and_normalisation(seed)
    spectrogram = np.random.default_rng(seed).standard_normal((4, BINS, FRAMES)).astype(np.float32)
    before = OnnxNetwork(model.SerializeToString(), "x", threads=1)(spectrogram[np.newaxis])[0]
    assert split_normalisation(model) == 1
    onnx.checker.check_model(model, full_check=True)
    after = OnnxNetwork(model.SerializeToString(), "x", threads=1)(spectrogram[np.newaxis])[0]
    np.testing.assert_allclose(after, before, atol=1e-5 * np.abs(before).max(), rtol=0)
    kinds = [node.op_type for node in model.graph.node]
    assert kinds == ["Mul", "MatMul", "Add", "Relu"]
    names = {tensor.name for tensor in model.graph.initializer}
    assert names == {"w", "normal_scale", "normal_shift"}
    assert split_normalisation(model) == 0


def test_normalisation_of_convolutions_is_left_to_the_engines(tiny_system: Path) -> None:
    model = onnx.load(tiny_system.parent / "bass.onnx")
    kinds = [node.op_type for node in model.graph.node]
    assert kinds.count("MatMul") == 10 and "BatchNormalization" not in kinds


@pytest.mark.parametrize("prepared", [True, False])
def test_openvino_keeps_one_copy_of_the_weights(
    prepared: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    model = linear_and_normalisation(0, frames=512)
    if prepared:
        split_normalisation(model)
    content = model.SerializeToString()
    OpenVinoNetwork(content, "x", threads=1)
    (folder,) = (tmp_path / "mdx" / "openvino").iterdir()
    compiled = sum(path.stat().st_size for path in folder.iterdir())
    assert 0.5 * len(content) < compiled < 1.5 * len(content)  # one for each channel would be four


def released(seed: int, *, kernel: int = 1, groups: int = 1, tapped: bool = False) -> bytes:
    """A network in the order that torch once wrote: transposes inside, normalisation apart.

    Its first and last layers have a kernel; what comes up may have groups, or be read twice.
    """
    rng = np.random.default_rng(seed)
    shapes = {
        "first": (CHANNELS, 2, kernel, kernel), "up": (CHANNELS, CHANNELS // groups, 2, 2),
        "last": (2, CHANNELS, kernel, kernel), "gain": (CHANNELS,), "bias": (CHANNELS,),
        "mean": (CHANNELS,),
    }  # fmt: skip
    weights = {name: rng.standard_normal(shape) for name, shape in shapes.items()}
    weights["variance"] = rng.uniform(0.5, 2, CHANNELS)
    kept: dict[str, Any] = {"kernel_shape": [kernel, kernel], "pads": [kernel // 2] * 4}
    swap: dict[str, Any] = {"perm": [0, 1, 3, 2]}
    norm = ["gain", "bias", "mean", "variance"]
    nodes = [
        helper.make_node("Conv", ["input", "first"], ["a"], **kept),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("Transpose", ["b"], ["c"], **swap),
        helper.make_node("ConvTranspose", ["c", "up", "bias"], ["d"], strides=[2, 2], group=groups),
        helper.make_node("BatchNormalization", ["d", *norm], ["e"], epsilon=1e-3),
        *([helper.make_node("Add", ["e", "d"], ["f"])] if tapped else []),
        helper.make_node("Transpose", ["f" if tapped else "e"], ["g"], **swap),
        helper.make_node("Conv", ["g", "last"], ["output"], **kept),
    ]
    ends = [
        helper.make_tensor_value_info("input", TensorProto.FLOAT, ["batch", 2, BINS, FRAMES]),
        helper.make_tensor_value_info("output", TensorProto.FLOAT, ["batch", 2, None, None]),
    ]
    tensors = [numpy_helper.from_array(v.astype(np.float32), n) for n, v in weights.items()]
    graph = helper.make_graph(nodes, "test", ends[:1], ends[1:], tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=7)
    content: bytes = model.SerializeToString()
    return content


ALL = ["Transpose", "Conv", "Relu", "ConvTranspose", "Conv", "Transpose"]


@pytest.mark.parametrize(
    ("options", "changed", "kinds"),
    [
        ({}, 3, ALL),
        ({"groups": 2}, 2, [*ALL[:4], "BatchNormalization", *ALL[4:]]),
        ({"tapped": True}, 2, [*ALL[:4], "BatchNormalization", "Add", *ALL[4:]]),
        ({"kernel": 3}, 1, ["Conv", "Relu", "Transpose", "ConvTranspose", "Transpose", "Conv"]),
    ],
)
@pytest.mark.parametrize("seed", range(3))
def test_a_released_graph_gets_our_order(
    seed: int, options: dict[str, Any], changed: int, kinds: list[str]
) -> None:
    content = released(seed, **options)
    model = onnx.load_from_string(content)
    assert prepare(model) == changed
    onnx.checker.check_model(model, full_check=True)
    assert [node.op_type for node in model.graph.node] == kinds
    values = np.random.default_rng(seed).standard_normal((2, 2, BINS, FRAMES)).astype(np.float32)
    before, after = (
        OnnxNetwork(graph, "x", threads=1)(values) for graph in (content, model.SerializeToString())
    )
    np.testing.assert_allclose(after, before, atol=1e-5 * np.abs(before).max(), rtol=0)
    assert prepare(model) == 0
