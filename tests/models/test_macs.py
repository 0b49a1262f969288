"""The MACs of a graph against the formula for each layer."""

import onnx
import pytest
import torch
from onnx import TensorProto, helper
from torch import nn

from mdx.errors import NetworkError
from models.macs import count_macs
from models.onnx_graph import onnx_graph


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(6, 4, num_layers=2, bidirectional=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.lstm(x.permute(2, 0, 1))[0]
        return out.permute(1, 2, 0)


class Product(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x @ x.transpose(-1, -2)


@pytest.mark.parametrize(
    ("net", "shape", "macs"),
    [
        (nn.Conv2d(3, 5, (2, 4), bias=False), (1, 3, 7, 9), 5 * 6 * 6 * 3 * 2 * 4),
        (nn.Conv2d(3, 5, 3, stride=2, padding=1), (2, 3, 8, 8), 2 * 5 * 4 * 4 * 3 * 3 * 3),
        (nn.Conv2d(4, 6, 3, padding=2, dilation=2, groups=2), (1, 4, 8, 8), 6 * 8 * 8 * 2 * 9),
        (nn.Conv1d(3, 5, 4), (1, 3, 10), 5 * 7 * 3 * 4),
        (nn.ConvTranspose2d(3, 5, 2, stride=2), (1, 3, 4, 6), 3 * 4 * 6 * 5 * 2 * 2),
        (nn.Linear(6, 5), (2, 3, 6), 2 * 3 * 6 * 5),
        (nn.Linear(6, 5), (4, 6), 4 * 6 * 5),
        (Product(), (2, 3, 4, 5), 2 * 3 * 4 * 4 * 5),
        # Layers of 6 and 8 inputs, two directions, four gates of 4 units with 4 states each.
        (Recurrent(), (3, 6, 7), 7 * 3 * 2 * 4 * 4 * ((6 + 4) + (8 + 4))),
        (nn.Sequential(nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3), nn.ReLU()), (1, 3, 4, 4), 9 * 16),
    ],
)
def test_each_layer(net: nn.Module, shape: tuple[int, ...], macs: int) -> None:
    model = onnx_graph(net.eval(), shape[1:], dynamic=isinstance(net, Recurrent))
    assert count_macs(model, shape) == macs


def test_a_graph_is_counted_at_any_length() -> None:
    model = onnx_graph(nn.Conv1d(2, 3, 5), (2, 20), dynamic=True)
    assert count_macs(model, (1, 2, 105)) == 101 * 3 * 2 * 5
    assert count_macs(model, (4, 2, 15)) == 4 * 11 * 3 * 2 * 5


@pytest.mark.parametrize("shape", [(1, 2, 20, 1), (1, 3, 20), (1, 2)])
def test_another_input_is_refused(shape: tuple[int, ...]) -> None:
    model = onnx_graph(nn.Conv1d(2, 3, 5), (2, 20), dynamic=True)
    with pytest.raises(NetworkError, match=r"MACs: got an input of .*, expected one of \['batch'"):
        count_macs(model, shape)


def test_sizes_that_depend_on_values_are_refused() -> None:
    nodes = [
        helper.make_node("NonZero", ["input"], ["where"]),
        helper.make_node("Cast", ["where"], ["number"], to=TensorProto.FLOAT),
        helper.make_node("MatMul", ["input", "number"], ["output"], name="product"),
    ]
    shapes: dict[str, list[str | int | None]] = {
        "input": ["batch", 2],
        "output": ["batch", "found"],
    }
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in shapes.items()
    ]
    model = helper.make_model(helper.make_graph(nodes, "values", ends[:1], ends[1:]))
    onnx.checker.check_model(model)
    with pytest.raises(NetworkError, match="MatMul 'product': got no size of number"):
        count_macs(model, (1, 2))
