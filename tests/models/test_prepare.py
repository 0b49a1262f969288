"""Graph optimisations of the export preserve the function and save work in runtimes."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from mdx.runtimes.onnx import OnnxNetwork
from mdx.runtimes.openvino import OpenVinoNetwork
from models.prepare import split_normalisation

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


def test_openvino_keeps_one_copy_of_the_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    model = linear_and_normalisation(0, frames=512)
    split_normalisation(model)
    content = model.SerializeToString()
    OpenVinoNetwork(content, "x", threads=1)
    compiled = sum(path.stat().st_size for path in (tmp_path / "mdx" / "openvino").iterdir())
    assert compiled < 1.5 * len(content)  # one for each channel would be four
