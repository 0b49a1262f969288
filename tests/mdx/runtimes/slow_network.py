"""A network that takes long enough to be broken off, and checks that do so."""

import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from mdx.systems.spec import Audio

LAYERS = 250  # a product of half a millisecond or more each
SIZE = 384


class Reason(Exception):
    """What a check raises here."""


def save_rotations(path: Path) -> None:
    """A network that takes many checks: it multiplies by the same rotation again and again."""
    rng = np.random.default_rng(0)
    rotation = np.linalg.qr(rng.standard_normal((SIZE, SIZE)))[0].astype(np.float32)
    names = ["input", *(f"signal{index}" for index in range(1, LAYERS)), "output"]
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, SIZE, SIZE])
        for name in (names[0], names[-1])
    ]
    nodes = [
        helper.make_node("MatMul", [source, "rotation"], [sink])
        for source, sink in itertools.pairwise(names)
    ]
    weights = [numpy_helper.from_array(rotation, "rotation")]
    model = helper.make_model(
        helper.make_graph(nodes, "test", ends[:1], ends[1:], weights),
        opset_imports=[helper.make_opsetid("", 13)], ir_version=8,
    )  # fmt: skip
    onnx.save(model, path)


def values() -> Audio:
    return np.random.default_rng(1).standard_normal((1, SIZE, SIZE)).astype(np.float32)


def after(looks: int) -> Callable[[], None]:
    """A check that raises Reason from its nth call on."""
    count = iter(range(looks - 1))

    def check() -> None:
        if next(count, None) is None:
            raise Reason

    return check
