"""Writing an ONNX graph by hand, node by node."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor


class Graph:
    """Nodes and constants of a graph, named by their number behind a prefix."""

    def __init__(self, prefix: str = "") -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self._prefix = prefix

    def add(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """Add a node with one output, whose name is returned."""
        output = f"{self._prefix}{operator}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [output], name=output, **attributes))
        return output

    def constant(self, values: npt.NDArray[np.generic] | Tensor) -> str:
        """Add a constant; returns its name. Shape: any."""
        if isinstance(values, Tensor):
            values = values.detach().numpy()
        name = f"{self._prefix}constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.array(values, order="C"), name))
        return name

    def numbers(self, *values: int) -> str:
        """Add whole numbers as a constant; returns its name."""
        return self.constant(np.array(values, dtype=np.int64))

    def length(self, x: str, axis: int) -> str:
        """Add the size of an axis, as one whole number."""
        return self.add("Shape", x, start=axis, end=axis + 1)

    def affine(self, number: str, *, times: int = 1, add: int = 0, over: int = 1) -> str:
        """Add (times * number + add) / over, of whole numbers; a division drops the rest."""
        for operator, value, neutral in (("Mul", times, 1), ("Add", add, 0), ("Div", over, 1)):
            if value != neutral:
                number = self.add(operator, number, self.numbers(value))
        return number

    def cut(self, x: str, start: str, end: str) -> str:
        """Add the part of a signal from one step to before another, which are numbers by name."""
        return self.add("Slice", x, start, end, self.numbers(-1))

    def part(self, x: str, start: str, steps: int) -> str:
        """Add a number of steps of a signal from one on, which is a number by name."""
        return self.cut(x, start, self.affine(start, add=steps))

    def pad(self, x: str, before: int, after: int, *, rank: int, mode: str) -> str:
        """Add a signal that is extended by some steps at both ends."""
        sides = [[0] * (rank - 1) + [steps] for steps in (before, after)]
        return self.add("Pad", x, self.numbers(*sides[0], *sides[1]), mode=mode)

    def one_by_one(
        self,
        write: Callable[..., str],
        *inputs: str,
        element: int = TensorProto.FLOAT,
        axis: int = 0,
    ) -> str:
        """The per-item subgraph of a Scan over the batch, which needs the memory of one item.

        `write` gets a subgraph and the names of its inputs, as batches of one, and returns the name
        of its output, also a batch of one; it may use values of this graph by name. The
        items' outputs, without the batch, are stacked along an axis; `element` is the type of the
        inputs. Weights are to be constants of the graph that is written: onnxruntime prepares them
        for its fastest convolutions only there.

        Shape: (batch, ...) -> (batch, ...) with axis 0
        """
        body = Graph(f"{self._prefix}body_{len(self.nodes)}_")
        names = [f"{body._prefix}input_{index}" for index in range(len(inputs))]
        made = write(body, *(body.add("Unsqueeze", name, body.numbers(0)) for name in names))
        made = body.add("Squeeze", made, body.numbers(0))
        starts = [helper.make_tensor_value_info(name, element, None) for name in names]
        end = helper.make_tensor_value_info(made, TensorProto.FLOAT, None)
        inside = helper.make_graph(body.nodes, "body", starts, [end], body.constants)
        return self.add(
            "Scan", *inputs, body=inside, num_scan_inputs=len(inputs), scan_output_axes=[axis]
        )
