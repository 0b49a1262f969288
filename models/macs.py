"""Multiply-accumulates of an ONNX graph: those of its convolutions, linear layers and LSTMs.

FFTs, normalisation, activations and other element-wise work do not count, as usual; a network's
time also depends on its memory traffic.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import onnx

from mdx.errors import NetworkError

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Sizes:
    """One operator: the sizes of its inputs and outputs, and its attributes."""

    inputs: Sequence[Shape]
    output: Shape
    attributes: Mapping[str, object]


def count_macs(model: onnx.ModelProto, shape: Shape) -> int:
    """Multiply-accumulates of one pass over an input of a shape, which includes the batch.

    Raises NetworkError where a size cannot be inferred.
    """
    inferred = _with_shapes(model, shape)
    graph = inferred.graph
    shapes = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
    for value in (*graph.input, *graph.value_info, *graph.output):
        dims = value.type.tensor_type.shape.dim
        if all(dim.HasField("dim_value") for dim in dims):
            shapes[value.name] = tuple(dim.dim_value for dim in dims)
    total = 0
    for node in graph.node:
        if node.op_type in COUNTED:
            total += COUNTED[node.op_type](_sized(node, shapes))
    return total


def _with_shapes(model: onnx.ModelProto, shape: Shape) -> onnx.ModelProto:
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    del copy.graph.value_info[:]  # they name the dynamic axes
    for value in copy.graph.output:
        value.type.tensor_type.ClearField("shape")
    dims = copy.graph.input[0].type.tensor_type.shape.dim
    if len(dims) != len(shape) or any(
        dim.HasField("dim_value") and dim.dim_value != size
        for dim, size in zip(dims, shape, strict=False)
    ):
        fixed = [dim.dim_value or dim.dim_param for dim in dims]
        raise NetworkError("MACs", got=f"an input of {shape}", expected=f"one of {fixed}")
    for dim, size in zip(dims, shape, strict=True):
        dim.dim_value = size
    return onnx.shape_inference.infer_shapes(copy, data_prop=True)


def _sized(node: onnx.NodeProto, shapes: Mapping[str, Shape]) -> Sizes:
    names = [*filter(None, node.input), node.output[0]]
    unknown = [name for name in names if name not in shapes]
    if unknown:
        raise NetworkError(
            f"{node.op_type} '{node.name}'",
            got=f"no size of {', '.join(unknown)}",
            expected="a graph whose sizes follow from its input's",
        )
    *inputs, output = (shapes[name] for name in names)
    attributes = {item.name: onnx.helper.get_attribute_value(item) for item in node.attribute}
    return Sizes(inputs, output, attributes)


def _convolution(node: Sizes) -> int:
    # A weight is (outputs, inputs of a group, kernel): every output value sums inputs x kernel.
    return math.prod(node.output) * math.prod(node.inputs[1][1:])


def _transposed_convolution(node: Sizes) -> int:
    # A weight is (inputs, outputs of a group, kernel): every input value goes to outputs x kernel.
    return math.prod(node.inputs[0]) * math.prod(node.inputs[1][1:])


def _product(node: Sizes) -> int:
    return math.prod(node.output) * node.inputs[0][-1]


def _linear(node: Sizes) -> int:
    summed = node.inputs[0][0 if node.attributes.get("transA") else 1]
    return math.prod(node.output) * summed


def _lstm(node: Sizes) -> int:
    # Each step reads four gates' weights of the input and of the state, in each direction.
    (steps, batch, _), *weights = node.inputs[:3]
    return steps * batch * sum(math.prod(weight) for weight in weights)


COUNTED: dict[str, Callable[[Sizes], int]] = {
    "Conv": _convolution,
    "ConvTranspose": _transposed_convolution,
    "Gemm": _linear,
    "LSTM": _lstm,
    "MatMul": _product,
}
