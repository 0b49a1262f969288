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

    def add(self, operator: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        """Add a node with one output, whose name is returned."""
        output = output or f"{self._prefix}{operator}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [output], name=output, **attributes))
        return output

    def constant(self, values: npt.NDArray[np.generic] | Tensor) -> str:
        """Add a constant; returns its name."""
        if isinstance(values, Tensor):
            values = values.detach().numpy()
        name = f"{self._prefix}constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def numbers(self, *values: int) -> str:
        """Add whole numbers as a constant; returns its name."""
        return self.constant(np.array(values, dtype=np.int64))

    def one_by_one(self, write: Callable[..., str], *inputs: str, output: str = "") -> str:
        """What the members of a batch become one after another, so that one's memory is enough.

        `write` gets a graph of its own and the names of its inputs, as batches of one, and returns
        that of its output. Its constants are in that graph as well: onnxruntime prepares weights
        for its fastest convolutions only there.

        Shape: (batch, ...) -> (batch, ...)
        """
        body = Graph(f"{self._prefix}body_{len(self.nodes)}_")
        names = [f"{body._prefix}{name}" for name in inputs]
        made = write(body, *(body.add("Unsqueeze", name, body.numbers(0)) for name in names))
        made = body.add("Squeeze", made, body.numbers(0))
        *starts, end = (
            helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in (*names, made)
        )
        inside = helper.make_graph(body.nodes, "body", starts, [end], body.constants)
        return self.add("Scan", *inputs, output=output, body=inside, num_scan_inputs=len(inputs))
