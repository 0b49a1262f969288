"""Signals quantised to int8 are uint8 in OpenVINO, and the networks stay the same."""

from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
import pytest
from onnx import TensorProto, helper, numpy_helper

from mdx.machine import has_bf16
from mdx.runtimes.onnx import OnnxNetwork
from mdx.runtimes.openvino import OpenVinoNetwork
from mdx.runtimes.unsigned import make_signals_unsigned
from mdx.systems.find import WEIGHTS

CHANNELS, STEP = 96, 0.0625
SHAPE = (1, CHANNELS, 8, 16)
INTEGERS = {"int8": np.int8, "uint8": np.uint8}


def quantised_convolution(kind: str, zero_point: int, seed: int = 0) -> bytes:
    """A convolution whose input and output are quantised to these integers, in steps of STEP."""
    weights = np.random.default_rng(seed).integers(-9, 9, (CHANNELS, CHANNELS, 1, 1), np.int8)
    constants = {
        "step": np.float32(STEP),
        "point": INTEGERS[kind](zero_point),
        "weights": weights,
        "scale": np.full(CHANNELS, STEP, np.float32),
        "zeros": np.zeros(CHANNELS, np.int8),
    }
    pair = ["QuantizeLinear", "DequantizeLinear"]
    nodes = [
        helper.make_node(pair[0], ["in", "step", "point"], ["a"]),
        helper.make_node(pair[1], ["a", "step", "point"], ["b"]),
        helper.make_node(pair[1], ["weights", "scale", "zeros"], ["w"], axis=0),
        helper.make_node("Conv", ["b", "w"], ["c"]),
        helper.make_node(pair[0], ["c", "step", "point"], ["d"]),
        helper.make_node(pair[1], ["d", "step", "point"], ["out"]),
    ]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, SHAPE) for name in ("in", "out")]
    values = [numpy_helper.from_array(np.asarray(v), name) for name, v in constants.items()]
    graph = helper.make_graph(nodes, "test", ends[:1], ends[1:], values)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    content: bytes = model.SerializeToString()
    return content


def read(content: bytes) -> Any:
    return ov.Core().read_model(model=content, weights=b"")


def signals(model: Any, kind: str) -> int:
    return sum(
        node.get_type_name() == "Convert" and node.get_element_type().get_type_name() == kind
        for node in model.get_ordered_ops()
    )


@pytest.mark.parametrize("bf16", [False, pytest.param(True, marks=pytest.mark.skipif(
    not has_bf16(), reason="needs a CPU with bfloat16"))])  # fmt: skip
@pytest.mark.parametrize("zero_point", [-128, -100, 0, 10, 127])
def test_the_function_stays_the_same(
    zero_point: int, bf16: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    content = quantised_convolution("int8", zero_point, seed=zero_point + 128)
    # Whole steps, so that rounding is no matter of luck, and more of them than int8 has.
    values = np.random.default_rng(0).integers(-160, 160, SHAPE).astype(np.float32) * STEP
    expected = OnnxNetwork(content, "x", threads=1)(values)
    assert len(np.unique(expected)) > 100
    got = OpenVinoNetwork(content, "x", threads=1, bf16=bf16)(values)
    assert np.abs(got - expected).max() <= STEP


def test_both_signals_are_turned_once() -> None:
    model = read(quantised_convolution("int8", 10))
    assert signals(model, "i8") == 2
    assert make_signals_unsigned(ov, model) == 2
    assert (signals(model, "i8"), signals(model, "u8")) == (0, 2)
    assert make_signals_unsigned(ov, model) == 0


def test_unsigned_signals_are_left_alone() -> None:
    model = read(quantised_convolution("uint8", 10))
    assert make_signals_unsigned(ov, model) == 0 and signals(model, "u8") == 2


@pytest.mark.parametrize("folder", ["synthetic", "synthetic_low"])
def test_no_signal_of_the_shipped_networks_stays_signed(folder: str) -> None:
    model = read((WEIGHTS / folder / "all.int8.onnx").read_bytes())
    before = signals(model, "i8")
    assert before and make_signals_unsigned(ov, model) == before
    assert signals(model, "i8") == 0
