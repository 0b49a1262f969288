"""int8 networks in OpenVINO: signals as unsigned integers, which every CPU computes."""

from typing import Any

import numpy as np

OFFSET = 128  # between the values of int8 and of uint8


def make_signals_unsigned(ov: Any, model: Any) -> int:
    """Turn signals quantised to int8 into uint8, with the same steps and another zero point.

    The values that a network computes from them stay the same. With bfloat16 on CPUs that have AMX,
    OpenVINO (2026.4) has no convolution of int8 signals whose zero point is not 0. Changes the
    model in place; returns how many signals it turned.
    """
    ops = ov.opset13
    count = 0
    for node in model.get_ordered_ops():
        if node.get_type_name() != "Subtract":
            continue
        signal, zero_point = (node.input_value(index) for index in range(2))
        quantised = _of_type("Convert", signal)
        integers = quantised and _of_type("Convert", quantised.input_value(0))
        steps = integers and _of_type("FakeQuantize", integers.input_value(0))
        offset = _of_type("Convert", zero_point)
        point = offset and _of_type("Constant", offset.input_value(0))
        if steps is None or point is None or integers.get_element_type() != ov.Type.i8:
            continue
        bounds = [_of_type("Constant", steps.input_value(index)) for index in (3, 4)]
        if None in bounds:
            continue
        low, high = (ops.constant(bound.data + np.float32(OFFSET)) for bound in bounds)
        moved = ops.fake_quantize(
            *(steps.input_value(index) for index in range(3)), low, high,
            steps.get_attributes()["levels"],
        )  # fmt: skip
        as_unsigned = ops.convert(ops.convert(moved, "u8"), "f32")
        moved_point = ops.constant(point.data.astype(np.float32) + np.float32(OFFSET))
        node.output(0).replace(ops.subtract(as_unsigned, moved_point).output(0))
        count += 1
    return count


def _of_type(name: str, end: Any) -> Any:
    node = end.get_node()
    return node if node.get_type_name() == name else None
