"""Whether an ONNX file contains all of its weights."""

from collections.abc import Mapping
from types import MappingProxyType

from mdx.systems.protobuf import fields

# Where tensors are in each kind of message, by field numbers; source: onnx.proto.
INSIDE: Mapping[str, Mapping[int, str]] = MappingProxyType({
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 11: "attribute"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {
        5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse",
    },
    "sparse": {1: "tensor", 2: "tensor"},
})  # fmt: skip
NAME, EXTERNAL_DATA, LOCATION = 8, 13, 14  # of a tensor


def external_tensor(model: memoryview) -> str | None:
    """The name of a tensor that an ONNX file keeps in another file; None if there is none.

    Raises ValueError for anything but a protocol buffer.
    """
    waiting = [("model", model)]
    while waiting:
        kind, message = waiting.pop()
        if kind == "tensor":
            found = dict(fields(message))
            if EXTERNAL_DATA in found or found.get(LOCATION, 0):
                name = found.get(NAME, b"")
                return "" if isinstance(name, int) else bytes(name).decode(errors="replace")
            continue
        for number, value in fields(message):
            if not isinstance(value, int) and number in INSIDE[kind]:
                waiting.append((INSIDE[kind][number], value))
    return None
