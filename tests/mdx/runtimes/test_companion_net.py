"""A companion's graph: its layout, its verified file, and the engine it runs on."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from mdx.errors import NetworkError
from mdx.estimators.companion import valid_length
from mdx.runtimes.companion_net import OnnxCompanion
from mdx.runtimes.runtime import Engine
from tests.tiny import noise

Shape = list[int | str]
IN: Shape = ["batch", 2, "n"]


END = 2730  # samples that the network's output is shorter than its input, at either end


def graph(
    path: Path,
    shape: Shape = IN,
    *,
    stems: int = 4,
    kind: int = TensorProto.FLOAT,
    end: int = END,
) -> Path:
    """An ONNX file that gives its input four times over, without both of its ends."""
    out: Shape = [shape[0], stems, *shape[1:-1], "m"]
    ends = [
        helper.make_tensor_value_info(name, kind, size)
        for name, size in (("input", shape), ("output", out))
    ]
    numbers = {
        "starts": [end], "ends": [-end], "along": [2], "axis": [1], "shape": [1, stems, 1, 1]
    }  # fmt: skip
    constants = [helper.make_tensor(k, TensorProto.INT64, [len(v)], v) for k, v in numbers.items()]
    nodes = [
        helper.make_node("Slice", ["input", "starts", "ends", "along"], ["inside"]),
        helper.make_node("Unsqueeze", ["inside", "axis"], ["one"]),
        helper.make_node("Expand", ["one", "shape"], ["output"]),
    ]
    model = helper.make_model(
        helper.make_graph(nodes, "test", ends[:1], ends[1:], constants),
        opset_imports=[helper.make_opsetid("", 13)],
        ir_version=8,
    )
    onnx.save(model, path)
    return path


def test_a_graph_of_any_length_and_batch(tmp_path: Path) -> None:
    path = graph(tmp_path / "x.onnx")
    network = Engine(threads=1).open_companion(path, "x.onnx", precision="int8")
    assert network.runtime.startswith("onnxruntime") and network.precision == "int8"
    for samples, batch in ((valid_length(1), 1), (valid_length(20_000), 3)):
        mix = np.stack([noise(samples, seed=seed) for seed in range(batch)])
        np.testing.assert_array_equal(network(mix), np.stack([mix[..., END:-END]] * 4, axis=1))


@pytest.mark.parametrize("surplus", [-1, 4, 32, 100, 1400])
def test_a_length_that_is_not_valid_is_never_run(surplus: int, tmp_path: Path) -> None:
    path = graph(tmp_path / "x.onnx")
    network = OnnxCompanion(path, "x.onnx", precision="float32", threads=1)
    with pytest.raises(AssertionError):
        network(noise(valid_length(3000) + surplus)[None])


@pytest.mark.parametrize(
    ("shape", "stems"),
    [
        (["batch", 2, 44_100], 4),  # fixed time
        (["batch", 1, "n"], 4),  # channels
        (["batch", "channels", "n"], 4),
        ([1, 2, "n"], 4),  # a fixed batch
        (IN, 5),
    ],
)
def test_other_layouts_are_refused(shape: Shape, stems: int, tmp_path: Path) -> None:
    path = graph(tmp_path / "x.onnx", shape, stems=stems)
    with pytest.raises(NetworkError, match=r"x\.onnx: got input.* expected float32") as caught:
        OnnxCompanion(path, "x.onnx", precision="float32", threads=1)
    assert "\n" not in str(caught.value)


def test_doubles_are_refused(tmp_path: Path) -> None:
    path = graph(tmp_path / "x.onnx", kind=TensorProto.DOUBLE)
    with pytest.raises(NetworkError, match=r"tensor\(double\).*expected float32"):
        OnnxCompanion(path, "x.onnx", precision="float32", threads=1)


def test_a_separator_is_no_companion(tiny_system: Path) -> None:
    path = tiny_system.with_name("bass.onnx")
    with pytest.raises(NetworkError, match=r"bass\.onnx: got input .*, expected float32 \(b, 2, n"):
        OnnxCompanion(path, path.name, precision="float32", threads=1)


@pytest.mark.parametrize("content", [b"", b"hello"])
def test_what_is_not_onnx_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "x.onnx").write_bytes(content)
    with pytest.raises(NetworkError, match="expected an ONNX network"):
        OnnxCompanion(tmp_path / "x.onnx", "x.onnx", precision="float32", threads=1)


def test_a_graph_that_gives_another_length_is_refused_at_once(tmp_path: Path) -> None:
    path = graph(tmp_path / "x.onnx", end=END - 1)
    with pytest.raises(NetworkError, match=r"with 8874 samples .* expected 3414 samples of"):
        OnnxCompanion(path, "x.onnx", precision="float32", threads=1)
