"""Executed MACs: equal to those computed from shapes, including repetitions in a Scan."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from torch import nn

from mdx.errors import NetworkError
from models.demucs_v2.export import demucs_graph
from models.demucs_v2.graph import Graph
from models.demucs_v2.network import DemucsSpec, random_demucs
from models.executed_macs import executed_macs
from models.macs import count_macs
from models.onnx_graph import onnx_graph
from models.open_unmix import OpenUnmix, OpenUnmixSpec
from models.random_weights import randomise
from tests.models.network_checks import torch_macs


@pytest.mark.parametrize(
    ("net", "shape"),
    [
        (nn.Sequential(nn.Conv2d(3, 5, 3, stride=2), nn.ConvTranspose2d(5, 2, 2)), (3, 9, 9)),
        (OpenUnmix(OpenUnmixSpec(dim_f=9, bins_read=6, hidden=4, lstm_layers=2)), (2, 9, 7)),
    ],
)
def test_it_is_what_sizes_tell(net: nn.Module, shape: tuple[int, ...]) -> None:
    model = onnx_graph(randomise(net, seed=0), shape)
    whole = (2, *shape)
    assert executed_macs(model.SerializeToString(), whole) == count_macs(model, whole)


def scan() -> onnx.ModelProto:
    graph = Graph()

    def convolve(body: Graph, x: str) -> str:
        return body.add("Conv", x, body.constant(np.ones((3, 2, 5), dtype=np.float32)))

    out = graph.one_by_one(convolve, "input")
    sizes: list[list[str | int | None]] = [["batch", 2, "samples"], ["batch", 3, "fewer"]]
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, size)
        for name, size in zip(("input", out), sizes, strict=True)
    ]
    whole = helper.make_graph(graph.nodes, "scan", ends[:1], ends[1:], graph.constants)
    return helper.make_model(whole, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


def test_repeated_subgraphs_count_each_time() -> None:
    model = scan()
    onnx.checker.check_model(model)
    assert executed_macs(model.SerializeToString(), (4, 2, 20)) == 4 * 3 * 16 * 2 * 5


def test_demucs_is_counted_with_its_tiles() -> None:
    net = random_demucs(DemucsSpec(channels=2), seed=0)
    graph = demucs_graph(net).SerializeToString()
    shape = (2, net.valid_length(10 * 44100))
    executed = executed_macs(graph, (1, *shape))
    least = torch_macs(net, shape)
    assert least < executed < 1.3 * least  # tiles overlap, most of all those of the resampling


def test_an_input_that_does_not_fit_is_refused() -> None:
    with pytest.raises(NetworkError, match=r"got an input of \(1, 3, 20\): .* expected one that"):
        executed_macs(scan().SerializeToString(), (1, 3, 20))
