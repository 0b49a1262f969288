"""Rewrites an exported graph to save work in runtimes, without changing its function."""

from collections import Counter
from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

EPSILON = 1e-5  # ONNX's own default of BatchNormalization
SWAPPED = [0, 1, 3, 2]  # bins and frames change places
ONE = [1, 1]  # the kernel and the strides of a convolution that looks at one bin of one frame


def prepare(model: onnx.ModelProto) -> int:
    """Give a released graph the form that ours are exported in; returns how many places changed.

    Normalisation goes into the transposed convolution before it, or is split as by
    split_normalisation; transposes at both ends go to where there are fewest channels. Int8 graphs
    made from that form are faster: NNCF leaves normalisation in float32. The function stays
    the same but for rounding. Changes the model in place.
    """
    changed = fold_normalisation(model) + split_normalisation(model)
    return changed + transpose_outside(model)


def fold_normalisation(model: onnx.ModelProto) -> int:
    """Put each BatchNormalization of a ConvTranspose into its weights, in place; returns how many.

    Shape: weights (inputs, outputs, kernel, kernel)
    """
    graph = model.graph
    constants = {tensor.name: tensor for tensor in graph.initializer}
    uses = _uses(graph)
    layers = {node.output[0]: node for node in graph.node if node.op_type == "ConvTranspose"}
    kept, count = [], 0
    for node in graph.node:
        layer = layers.get(node.input[0]) if node.op_type == "BatchNormalization" else None
        if layer is None or uses[layer.output[0]] > 1 or _attribute(layer, "group", 1) != 1:
            kept.append(node)
            continue
        scale, shift = _affine(node, constants)
        weight = numpy_helper.to_array(constants[layer.input[1]])
        bias = numpy_helper.to_array(constants[layer.input[2]]) if len(layer.input) > 2 else 0
        names = [f"{node.output[0]}_{part}" for part in ("weight", "bias")]
        folded = (weight * scale.reshape(1, -1, 1, 1), bias * scale + shift)
        for name, values in zip(names, folded, strict=True):
            graph.initializer.append(numpy_helper.from_array(values.astype(np.float32), name))
        layer.input[:] = [layer.input[0], *names]
        layer.output[0] = node.output[0]
        count += 1
    _replace(graph, kept)
    return count


def split_normalisation(model: onnx.ModelProto) -> int:
    """Turn each BatchNormalization of a MatMul into a scale before it and a shift after it.

    Normalisation acts on channels, the linear layers of a TDF on frequency, so the scale of a
    channel may come first. After the product OpenVINO would multiply it into the layer's weights,
    once for every channel: full-size, 494 MB a network instead of 30. Changes the model in place;
    returns how many were split.
    """
    graph = model.graph
    constants = {tensor.name: tensor for tensor in graph.initializer}
    products = {node.output[0]: node for node in graph.node if node.op_type == "MatMul"}
    nodes: list[onnx.NodeProto] = []
    count = 0
    for node in graph.node:
        product = products.get(node.input[0]) if node.op_type == "BatchNormalization" else None
        if product is None:
            nodes.append(node)
            continue
        scale, shift = _affine(node, constants)
        names = [f"{node.output[0]}_{part}" for part in ("scale", "shift", "scaled")]
        for name, values in zip(names, (scale, shift), strict=False):
            graph.initializer.append(numpy_helper.from_array(values.reshape(1, -1, 1, 1), name))
        multiply = helper.make_node("Mul", [product.input[0], names[0]], [names[2]])
        nodes.insert(nodes.index(product), multiply)
        product.input[0] = names[2]
        nodes.append(helper.make_node("Add", [product.output[0], names[1]], list(node.output)))
        count += 1
    _replace(graph, nodes)
    return count


def drop_unused(graph: onnx.GraphProto) -> None:
    """Remove nodes and constants that lead nowhere, in place."""
    used = {end.name for end in graph.output}
    kept = []
    for node in reversed(graph.node):  # a node comes after all that it reads
        if used & set(node.output):
            used |= set(node.input)
            kept.append(node)
    constants = [tensor for tensor in graph.initializer if tensor.name in used]
    del graph.node[:], graph.initializer[:]
    graph.node.extend(reversed(kept))
    graph.initializer.extend(constants)


def _affine(
    node: onnx.NodeProto, constants: dict[str, onnx.TensorProto]
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    # BatchNormalization as scale * x + shift, one of each a channel.
    gain, bias, mean, variance = (
        numpy_helper.to_array(constants[name]).astype(np.float64) for name in node.input[1:5]
    )
    epsilon = next((a.f for a in node.attribute if a.name == "epsilon"), EPSILON)
    scale = gain / np.sqrt(variance + epsilon)
    return scale.astype(np.float32), (bias - mean * scale).astype(np.float32)


def transpose_outside(model: onnx.ModelProto) -> int:
    """Move transposes of the last two axes to the ends of the graph, in place; returns how many.

    Released TFC-TDF networks transpose between their first layer and the next, at 32 channels, and
    back before their last. Those layers look at one bin at a time, so the 4 channels of a
    spectrogram may be transposed instead.
    """
    graph = model.graph
    changed = _transpose_first(graph) + _transpose_last(graph)
    if changed:
        del graph.value_info[:]  # shapes between the old places and the new ones
    return changed


def _transpose_first(graph: onnx.GraphProto) -> int:
    makers = {node.output[0]: node for node in graph.node}
    uses, source = _uses(graph), graph.input[0].name
    for transpose in filter(_swaps, graph.node):
        chain, name = _chain(transpose.input[0], makers, uses, lambda node: node.input[0])
        if chain and name == source and uses[source] == 1:
            chain[0].output[0] = transpose.output[0]
            chain[-1].input[0] = f"{source}_transposed"
            first = helper.make_node("Transpose", [source], [chain[-1].input[0]], perm=SWAPPED)
            _replace(graph, [first, *(node for node in graph.node if node is not transpose)])
            return 1
    return 0


def _transpose_last(graph: onnx.GraphProto) -> int:
    readers = {node.input[0]: node for node in graph.node if node.input}
    uses, end = _uses(graph), graph.output[0].name
    for transpose in filter(_swaps, graph.node):
        chain, name = _chain(transpose.output[0], readers, uses, lambda node: node.output[0])
        if chain and name == end and uses[end] == 1:
            chain[0].input[0] = transpose.input[0]
            chain[-1].output[0] = f"{end}_transposed"
            last = helper.make_node("Transpose", [chain[-1].output[0]], [end], perm=SWAPPED)
            _replace(graph, [*(node for node in graph.node if node is not transpose), last])
            return 1
    return 0


def _chain(
    name: str, neighbours: Mapping[str, onnx.NodeProto], uses: Counter[str],
    end: Callable[[onnx.NodeProto], str],
) -> tuple[list[onnx.NodeProto], str]:  # fmt: skip
    # The pointwise layers that follow each other from one tensor on, and the tensor at their end.
    chain: list[onnx.NodeProto] = []
    while name in neighbours and uses[name] == 1 and _is_pointwise(neighbours[name]):
        chain.append(neighbours[name])
        name = end(chain[-1])
    return chain, name


def _swaps(node: onnx.NodeProto) -> bool:
    return node.op_type == "Transpose" and _attribute(node, "perm", None) == SWAPPED


def _is_pointwise(node: onnx.NodeProto) -> bool:
    # Whether it treats every bin of every frame alike and by itself.
    if node.op_type != "Conv":
        return node.op_type == "Relu"
    pads = _attribute(node, "pads", None)
    plain = _attribute(node, "strides", ONE) == ONE and pads in (None, [0, 0, 0, 0])
    return plain and _attribute(node, "kernel_shape", None) == ONE


def _attribute(node: onnx.NodeProto, name: str, default: object) -> object:
    found = (helper.get_attribute_value(item) for item in node.attribute if item.name == name)
    return next(found, default)


def _uses(graph: onnx.GraphProto) -> Counter[str]:
    ends = (end.name for end in graph.output)
    return Counter([*(name for node in graph.node for name in node.input), *ends])


def _replace(graph: onnx.GraphProto, nodes: list[onnx.NodeProto]) -> None:
    del graph.node[:]
    graph.node.extend(nodes)
    drop_unused(graph)
