"""The levels of Demucs-v2 as nodes of an ONNX graph, and the resampling around them.

Convolutions are two-dimensional, for which onnxruntime has its fastest kernels, and every gate is
a separate convolution instead of a slice. Signals are of shape (batch, channels, 1, steps).
"""

from typing import Any

import numpy as np
from torch import Tensor, nn

from mdx.systems.spec import CHANNELS, Audio
from models.demucs_v2.graph import Graph
from models.demucs_v2.network import INPUT_SCALE, RATE, SOURCES
from models.demucs_v2.resample import kernel_reach, sinc_kernels

ENTER, LEAVE = kernel_reach(1, RATE), kernel_reach(RATE, 1)  # samples read on either side


def double_rate(graph: Graph, mix: str) -> str:
    """Twice the rate, less ENTER samples of the mix at both ends.

    Both phases of a channel remain separate channels: the first level takes them that way.
    Shape: (batch, 2, n) -> (batch, 2 * RATE, 1, n - 2 * ENTER)
    """
    kernels = np.tile(sinc_kernels(1, RATE) / np.float32(INPUT_SCALE), (CHANNELS, 1))
    x = graph.add("Unsqueeze", mix, graph.numbers(2))
    return _filter(graph, x, kernels, strides=[1, 1], group=CHANNELS)


def halve_rate(graph: Graph, x: str) -> str:
    """Half the rate, less LEAVE samples of x at both ends.

    Shape: (batch, channels, 1, n) -> (batch, channels, 1, (n - 2 * LEAVE) / RATE)
    """
    kernels = np.tile(sinc_kernels(RATE, 1), (len(SOURCES) * CHANNELS, 1))
    return _filter(graph, x, kernels, strides=[1, RATE], group=len(kernels))


def _filter(graph: Graph, x: str, kernels: Audio, **attributes: Any) -> str:
    return graph.add("Conv", x, graph.constant(kernels[:, None, None]), **attributes)


def encode(graph: Graph, x: str, block: nn.Module, stride: int, *, phases: int = 1) -> str:
    """A level of the encoder; where phases lie side by side as channels, its kernel is shorter.

    Shape: (batch, channels, 1, steps) -> (batch, width, 1, fewer steps)
    """
    first, _, second, _ = block.children()
    assert isinstance(first, nn.Conv1d) and isinstance(second, nn.Conv1d)
    out, channels, kernel = first.weight.shape
    weight = first.weight.reshape(out, channels, kernel // phases, phases)
    weight = weight.transpose(2, 3).flatten(1, 2)
    assert first.bias is not None
    x = _convolve(graph, x, weight, first.bias, stride // phases)
    return _gate(graph, graph.add("Relu", x), second)


def decode(
    graph: Graph, x: str, skip: str, block: nn.Module, stride: int, *, inside: str = ""
) -> str:
    """A level of the decoder; in a tile, `inside` is 0 beyond the whole signal, else 1.

    Shape: (batch, width, 1, steps), the same -> (batch, width of the level outside, 1, more steps)
    """
    first, _, second, *rest = block.children()
    assert isinstance(first, nn.Conv1d) and isinstance(second, nn.ConvTranspose1d)
    assert second.bias is not None
    x = _gate(graph, graph.add("Add", x, skip), first)
    if inside:
        x = graph.add("Mul", x, inside)
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
    # The weights' own shape: (out, in, kernel)
    weights = (graph.constant(weight[:, :, None]), graph.constant(bias))
    return graph.add(operator, x, *weights, strides=[1, stride])
