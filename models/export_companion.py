"""Demucs-v2 as an ONNX graph of any length, held against torch before a file is kept.

The graph is written out by hand: one LSTM operator a layer, convolutions in the two dimensions that
onnxruntime has its fastest kernels for, every gate a convolution of its own in place of a cut.

Segments of a batch share what an LSTM takes time for, the way of its weights from memory, once a
step. At the outer levels, where a segment alone takes hundreds of megabytes, they come one after
another. There the encoder is run again for the decoder: its signals would have to wait for it.
"""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper
from torch import Tensor, nn

from mdx.machine import available_cpus
from mdx.net import open_session
from mdx.spec import CHANNELS, Audio
from models.demucs import INPUT_SCALE, RATE, SOURCES, Demucs
from models.export import OPSET, keep_where_equal
from models.graph import Graph
from models.resample import kernel_reach, sinc_kernels

IR_VERSION = 10  # of the file format, as the exporter of torch writes for this opset
MAX_RELATIVE_ERROR = 1e-4  # of the peak: float32 rounding, which weights may add up
OUTER = 3  # levels where segments go one by one; to encode them again is a tenth of the work
CHECKED = (1, 30000)  # samples of output that both engines are held against each other on
GATES = (0, 3, 1, 2)  # of an LSTM in ONNX (input, output, forget, cell) by their place in torch


def export_companion(net: Demucs, path: Path) -> float:
    """Write the network as ONNX: "input" (batch, 2, n) to "output" (batch, 4, 2, n - lost).

    Batch and n are dynamic, n a valid length. Returns the largest difference between onnxruntime
    and torch on noise, relative to the output's peak. Raises NetworkError, and keeps no file, where
    that exceeds MAX_RELATIVE_ERROR.
    """
    net = net.eval()
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        draft = Path(folder) / path.name
        onnx.save(companion_graph(net), draft)
        error = float(np.max([_difference(net, draft, samples) for samples in CHECKED]))
        keep_where_equal(draft, path, error, MAX_RELATIVE_ERROR)
    return error


def _difference(net: Demucs, draft: Path, samples: int) -> float:
    shape = (2, CHANNELS, net.valid_length(samples))
    mix = np.random.default_rng(samples).standard_normal(shape).astype(np.float32)
    with torch.no_grad():
        expected = net(torch.from_numpy(mix)).numpy()
    session = open_session(draft, draft.name, threads=available_cpus(), provider="cpu")
    got = session.run(None, {"input": mix})[0]
    return float(np.abs(got - expected).max() / np.abs(expected).max())


def companion_graph(net: Demucs) -> onnx.ModelProto:
    """The graph of a network with its weights."""
    spec = net.spec
    graph = Graph()
    x = graph.one_by_one(lambda body, mix: _encode_outer(body, mix, net)[-1], "input")
    skips = [x]
    for encode in net.encoder[OUTER:]:
        x = _encode(graph, x, encode, spec.stride)
        skips.append(x)
    x = _recur(graph, x, net.lstm.lstm, net.lstm.linear)
    inner = len(skips) - 1
    x, lost = _decode_levels(graph, x, skips[1:], net, net.decoder[:inner])

    def leave(body: Graph, mix: str, x: str) -> str:
        skips = _encode_outer(body, mix, net)
        x, _ = _decode_levels(body, x, skips, net, net.decoder[inner:], lost)
        stems = body.numbers(0, len(SOURCES), CHANNELS, -1)
        return body.add("Reshape", _halve_rate(body, x), stems)

    graph.one_by_one(leave, "input", x, output="output")
    before: list[str | int | None] = ["batch", CHANNELS, "samples"]
    after: list[str | int | None] = ["batch", len(SOURCES), CHANNELS, "stem_samples"]
    mix = helper.make_tensor_value_info("input", TensorProto.FLOAT, before)
    stems = helper.make_tensor_value_info("output", TensorProto.FLOAT, after)
    whole = helper.make_graph(graph.nodes, "demucs", [mix], [stems], graph.constants)
    opset = helper.make_opsetid("", OPSET)
    return helper.make_model(whole, opset_imports=[opset], ir_version=IR_VERSION)


def _encode_outer(graph: Graph, mix: str, net: Demucs) -> list[str]:
    # Skips of the outer levels.
    x = _double_rate(graph, mix)
    skips = []
    for level, encode in enumerate(net.encoder[:OUTER]):
        x = _encode(graph, x, encode, net.spec.stride, phases=1 if level else RATE)
        skips.append(x)
    return skips


def _decode_levels(
    graph: Graph, x: str, skips: list[str], net: Demucs, levels: nn.ModuleList, lost: int = 0
) -> tuple[str, int]:
    # `lost` are the steps that a level has less than its skip, by the convolutions inside it.
    spec = net.spec
    for skip, decode in zip(reversed(skips), levels, strict=True):
        if lost:
            ends = (graph.numbers(lost // 2), graph.numbers(-(lost - lost // 2)))
            skip = graph.add("Slice", skip, *ends, graph.numbers(3))
        x = _decode(graph, graph.add("Add", x, skip), decode, spec.stride)
        lost = spec.stride * (lost + spec.context - 1)
    return x, lost


def _double_rate(graph: Graph, x: str) -> str:
    # Both phases of a channel stay channels of their own; the first convolution takes them so.
    # Shape: (batch, 2, n) -> (batch, 2 * RATE, 1, n)
    kernels = np.tile(sinc_kernels(1, RATE) / np.float32(INPUT_SCALE), (CHANNELS, 1))
    x = graph.add("Unsqueeze", x, graph.numbers(2))
    return _filter(graph, x, kernels, kernel_reach(1, RATE), strides=[1, 1], group=CHANNELS)


def _halve_rate(graph: Graph, x: str) -> str:
    # Shape: (batch, channels, 1, n) -> (batch, channels, 1, n / RATE)
    kernels = np.tile(sinc_kernels(RATE, 1), (len(SOURCES) * CHANNELS, 1))
    reach = kernel_reach(RATE, 1)
    return _filter(graph, x, kernels, reach, strides=[1, RATE], group=len(kernels))


def _filter(graph: Graph, x: str, kernels: Audio, reach: int, **attributes: Any) -> str:
    pads = graph.numbers(0, 0, 0, reach, 0, 0, 0, reach)
    x = graph.add("Pad", x, pads, mode="edge")
    return graph.add("Conv", x, graph.constant(kernels[:, None, None]), **attributes)


def _encode(graph: Graph, x: str, block: nn.Module, stride: int, *, phases: int = 1) -> str:
    # Where phases lie side by side as channels, a kernel is as many times shorter.
    first, _, second, _ = block.children()
    assert isinstance(first, nn.Conv1d) and isinstance(second, nn.Conv1d)
    out, channels, kernel = first.weight.shape
    weight = first.weight.reshape(out, channels, kernel // phases, phases)
    weight = weight.transpose(2, 3).flatten(1, 2)
    assert first.bias is not None
    x = _convolve(graph, x, weight, first.bias, stride // phases)
    return _gate(graph, graph.add("Relu", x), second)


def _decode(graph: Graph, x: str, block: nn.Module, stride: int) -> str:
    first, _, second, *rest = block.children()
    assert isinstance(first, nn.Conv1d) and isinstance(second, nn.ConvTranspose1d)
    assert second.bias is not None
    x = _gate(graph, x, first)
    x = _convolve(graph, x, second.weight, second.bias, stride, "ConvTranspose")
    return graph.add("Relu", x) if rest else x


def _gate(graph: Graph, x: str, layer: nn.Conv1d) -> str:
    # A convolution and the GLU behind it.
    weights, biases = layer.weight.chunk(2), layer.bias.chunk(2)  # type: ignore[union-attr]
    value, gate = (
        _convolve(graph, x, weight, bias) for weight, bias in zip(weights, biases, strict=True)
    )
    return graph.add("Mul", value, graph.add("Sigmoid", gate))


def _convolve(
    graph: Graph, x: str, weight: Tensor, bias: Tensor, stride: int = 1, operator: str = "Conv"
) -> str:
    # Shape: (batch, channels, 1, steps); the weights' own: (out, in, kernel)
    weights = (graph.constant(weight[:, :, None]), graph.constant(bias))
    return graph.add(operator, x, *weights, strides=[1, stride])


def _recur(graph: Graph, x: str, lstm: nn.LSTM, linear: nn.Linear) -> str:
    # Shape: (batch, width, 1, steps) -> the same
    x = graph.add("Transpose", graph.add("Squeeze", x, graph.numbers(2)), perm=[2, 0, 1])
    for layer in range(lstm.num_layers):
        weights = [graph.constant(values) for values in _lstm_weights(lstm, layer)]
        x = graph.add("LSTM", x, *weights, hidden_size=lstm.hidden_size, direction="bidirectional")
        x = graph.add("Transpose", x, perm=[0, 2, 1, 3])  # (steps, batch, direction, width)
        x = graph.add("Reshape", x, graph.numbers(0, 0, -1))
    x = graph.add("MatMul", x, graph.constant(linear.weight.T))
    x = graph.add("Add", x, graph.constant(linear.bias))
    return graph.add("Unsqueeze", graph.add("Transpose", x, perm=[1, 2, 0]), graph.numbers(2))


def _lstm_weights(lstm: nn.LSTM, layer: int) -> list[Tensor]:
    # As ONNX has them, both directions in one: of the input, of the state, and both biases.
    def both(name: str) -> Tensor:
        found = [getattr(lstm, f"{name}_l{layer}{way}") for way in ("", "_reverse")]
        return torch.stack([weight.chunk(4)[gate] for weight in found for gate in GATES]).reshape(
            2, -1, *found[0].shape[1:]
        )

    biases = torch.cat([both("bias_ih"), both("bias_hh")], dim=1)
    return [both("weight_ih"), both("weight_hh"), biases]
