"""The floor of a network's time counts exactly the operations of its layers."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import yaml
from onnx import TensorProto, helper, numpy_helper

from benchmarks.floor import operations, song_operations
from benchmarks.limit import check_cost, curve
from mdx.errors import ConfigError
from mdx.systems.find import find_system
from mdx.systems.spec import SAMPLE_RATE, SOURCES
from models.quantize.graph import read_graph
from tests.tiny import TINY, edit_system


def test_operations_by_hand() -> None:
    shapes = {"a": (6, 4, 3, 3), "b": (10, 5), "c": (6, 2, 2, 2)}
    weights = [numpy_helper.from_array(np.ones(s, np.float32), n) for n, s in shapes.items()]
    nodes = [
        helper.make_node("Conv", ["x", "a"], ["y"], pads=[1, 1, 1, 1]),
        helper.make_node("MatMul", ["y", "b"], ["z"]),
        helper.make_node("Relu", ["z"], ["r"]),
        helper.make_node("ConvTranspose", ["r", "c"], ["end"], strides=[2, 2]),
    ]
    ends = [
        helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 4, 8, 10]),
        helper.make_tensor_value_info("end", TensorProto.FLOAT, [1, 2, 16, 10]),
    ]
    graph = helper.make_graph(nodes, "by hand", ends[:1], ends[1:], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
    onnx.checker.check_model(model)
    convolution = 2 * (6 * 4 * 3 * 3) * (8 * 10)
    product = 2 * (6 * 8 * 10) * 5
    transposed = 2 * (6 * 2 * 2 * 2) * (8 * 5)
    assert operations(model) == convolution + product + transposed


def test_a_song_takes_a_whole_number_of_chunks(tiny_system: Path) -> None:
    spec, folder = find_system(tiny_system)
    chunk = {
        source: operations(read_graph((folder / spec.networks[source]).read_bytes()))
        for source in SOURCES
    }
    expected = sum(chunk[source] * -(-2 * SAMPLE_RATE // TINY[source].step) for source in SOURCES)
    assert song_operations(tiny_system, 2) == expected


def test_overlapping_chunks_are_counted(tiny_copy: Path) -> None:
    plain = song_operations(tiny_copy, 2)
    edit_system(tiny_copy, **{source: {"overlap": 0.5} for source in SOURCES})
    assert 1.9 * plain < song_operations(tiny_copy, 2) <= 2.1 * plain
    values = yaml.safe_load(tiny_copy.read_text())
    values["estimators"][0]["kind"] = "waveform"
    tiny_copy.write_text(yaml.safe_dump(values))
    with pytest.raises(ConfigError, match="got kind waveform, expected spectrogram"):
        song_operations(tiny_copy, 2)


def test_the_curve_leaves_failed_runs_out() -> None:
    rows: list[dict[str, Any]] = [
        {"error": None, "levels": ["float32"], "share": 0.5, "sdr": 7.0},
        {"error": None, "levels": ["float32", "int8"], "share": 0.9, "sdr": 6.0},
        {"error": None, "levels": ["int8"], "share": 0.7, "sdr": 5.0},
        {"error": "late"},
    ]
    lines = [[cell.strip() for cell in line.split("|")] for line in curve(rows).splitlines()]
    assert lines[2][1:7] == ["float32", "1", "50", "50", "0.0", "7.00"]
    assert lines[3][1:7] == ["int8", "2", "80", "90", "0.5", "5.50"]
    assert len(lines) == 4
    assert check_cost() > 0
