"""Int8 LSTMs of magnitude networks: close to float32, smaller, and used by their systems."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from mdx.errors import NetworkError
from mdx.separator import Separator
from mdx.systems.manifest import int8_name
from mdx.systems.spec import SAMPLE_RATE
from models.convert import main
from models.dynamic_int8 import quantise_lstms
from tests.mdx.published_shelf import shelve
from tests.tiny import noise


@pytest.mark.parametrize(("name", "file"), [
    ("x_umx", "x_umx/x_umx.onnx"), ("mmdenselstm", "mmdenselstm/drums.onnx"),
])  # fmt: skip
def test_a_system_of_magnitudes_runs_in_int8(
    name: str, file: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shelved = shelve(name, tmp_path)
    assert main(["--int8", file, "--folder", str(tmp_path)]) == 0
    snr = float(capsys.readouterr().out.split(": ")[1].split()[0])
    assert 20 < snr < 120  # int8, and not float32 under that name
    operators = {node.op_type for node in onnx.load(tmp_path / int8_name(file)).graph.node}
    assert "DynamicQuantizeLSTM" in operators and "LSTM" not in operators
    song = noise(3_000)
    expected, got = (
        Separator.load(shelved.path, threads=1, precision=precision).separate(song, SAMPLE_RATE)
        for precision in ("float32", "int8")
    )
    error, drums = got["drums"] - expected["drums"], expected["drums"]
    assert 0 < np.square(error).sum() < 1e-2 * np.square(drums).sum()


def test_an_lstm_with_another_input_is_refused(tmp_path: Path) -> None:
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", 4])
        for name in ("input", "output")
    ]
    node = helper.make_node("LSTM", ["input", "w", "r"], ["output"], hidden_size=4)
    graph = helper.make_graph([node], "g", ends[:1], ends[1:])
    onnx.save(helper.make_model(graph), tmp_path / "x.onnx")
    with pytest.raises(NetworkError, match=r"got an input of the sizes \[4\], expected samples"):
        quantise_lstms(tmp_path / "x.onnx", tmp_path / "x.int8.onnx", samples=100)
    assert not (tmp_path / "x.int8.onnx").exists()
