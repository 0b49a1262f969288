"""Demucs-v2 as an ONNX graph of any length, compared with torch before a file is kept.

The LSTM is memory-bound: at every step all segments of a batch share one read of its weights. The
outer levels, whose signals would take gigabytes, come segment by segment and in tiles.
"""

from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper
from torch import nn

from mdx.files import replacing
from mdx.machine import available_cpus
from mdx.runtimes.onnx import open_session
from mdx.systems.spec import CHANNELS
from models.demucs_v2.graph import Graph
from models.demucs_v2.levels import decode, encode
from models.demucs_v2.network import SOURCES, Demucs
from models.demucs_v2.tiles import OUTER, decode_tiles, encode_tiles
from models.export import check_equal, relative_error
from models.onnx_graph import OPSET
from models.onnx_lstm import lstm_weights

IR_VERSION = 10  # of the file format, as the exporter of torch writes for this opset
CHECKED = (1, 30000)  # samples of output on which both runtimes are compared


def export_demucs(net: Demucs, path: Path) -> float:
    """Write the network as ONNX: "input" (batch, 2, n) to "output" (batch, 4, 2, n - lost).

    Batch and n are dynamic, n a valid length. Returns the largest relative error of onnxruntime
    against torch on noise. Raises NetworkError, and keeps no file, as export_network does.
    """
    net = net.eval()
    with replacing(path) as draft:
        onnx.save(demucs_graph(net), draft)
        error = float(np.max([_error(net, draft, samples) for samples in CHECKED]))
        check_equal(path, error)
    return error


def _error(net: Demucs, draft: Path, samples: int) -> float:
    shape = (2, CHANNELS, net.valid_length(samples))
    mix = np.random.default_rng(samples).standard_normal(shape).astype(np.float32)
    with torch.no_grad():
        expected = net(torch.from_numpy(mix)).numpy()
    session = open_session(draft, draft.name, threads=available_cpus(), provider="cpu")
    got = session.run(None, {"input": mix})[0]
    return relative_error(got, expected)


def demucs_graph(net: Demucs) -> onnx.ModelProto:
    """The graph of a network with its weights."""
    spec = net.spec
    assert spec.depth >= OUTER and spec.stride < spec.kernel <= spec.stride * spec.context
    graph = Graph()
    signals = [graph.one_by_one(lambda body, mix: encode_tiles(body, mix, net), "input")]
    for block in net.encoder[OUTER:]:
        signals.append(encode(graph, signals[-1], block, spec.stride))
    x = _recur(graph, signals[-1], net.lstm.lstm, net.lstm.linear)
    lost = 0  # steps by which a level is shorter than its skip, from the convolutions inside it
    for skip, block in zip(signals[:0:-1], net.decoder[: spec.depth - OUTER], strict=True):
        ends = (graph.numbers(lost // 2), graph.affine(graph.length(skip, 3), add=lost // 2 - lost))
        x = decode(graph, x, graph.cut(skip, *ends), block, spec.stride)
        lost = spec.stride * (lost + spec.context - 1)

    def leave(body: Graph, mix: str, x: str) -> str:
        """The outer levels of the decoder, for one item; returns the name of its stems."""
        stems = decode_tiles(body, mix, x, net, lost)
        return body.add("Reshape", stems, body.numbers(0, len(SOURCES), CHANNELS, -1))

    stems = graph.one_by_one(leave, "input", x)
    graph.nodes.append(helper.make_node("Identity", [stems], ["output"]))
    before: list[str | int | None] = ["batch", CHANNELS, "samples"]
    after: list[str | int | None] = ["batch", len(SOURCES), CHANNELS, "stem_samples"]
    mix = helper.make_tensor_value_info("input", TensorProto.FLOAT, before)
    output = helper.make_tensor_value_info("output", TensorProto.FLOAT, after)
    whole = helper.make_graph(graph.nodes, "demucs", [mix], [output], graph.constants)
    opset = helper.make_opsetid("", OPSET)
    return helper.make_model(whole, opset_imports=[opset], ir_version=IR_VERSION)


def _recur(graph: Graph, x: str, lstm: nn.LSTM, linear: nn.Linear) -> str:
    # Shape: (batch, width, 1, steps) -> the same
    x = graph.add("Transpose", graph.add("Squeeze", x, graph.numbers(2)), perm=[2, 0, 1])
    for layer in range(lstm.num_layers):
        weights = [graph.constant(values) for values in lstm_weights(lstm, layer)]
        x = graph.add("LSTM", x, *weights, hidden_size=lstm.hidden_size, direction="bidirectional")
        x = graph.add("Transpose", x, perm=[0, 2, 1, 3])  # (steps, batch, direction, width)
        x = graph.add("Reshape", x, graph.numbers(0, 0, -1))
    x = graph.add("MatMul", x, graph.constant(linear.weight.T))
    x = graph.add("Add", x, graph.constant(linear.bias))
    return graph.add("Unsqueeze", graph.add("Transpose", x, perm=[1, 2, 0]), graph.numbers(2))
