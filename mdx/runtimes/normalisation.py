"""Released networks in OpenVINO: the normalisation of linear layers without copies of weights."""

from typing import Any

import numpy as np

from mdx.systems.spec import Audio

SPECTROGRAM = 4  # axes: batch, channel, and the two that a linear layer multiplies


def split_normalisation(ov: Any, model: Any) -> int:
    """Turn each batch normalisation of a matrix product into a scale before it and a shift after.

    Normalisation acts on channels, the linear layers of a TDF on frequency, so the scale of a
    channel may come first. OpenVINO itself would multiply it into the layer's weights, once for
    each channel: many times the memory, and in bfloat16 a quarter more time. Networks of this
    repository are exported in the split form. Changes the model in place; returns how many it
    split.
    """
    ops = ov.opset13
    count = 0
    for node in model.get_ordered_ops():
        if node.get_type_name() != "BatchNormInference":
            continue
        signal, gain, bias, mean, variance = (node.input_value(index) for index in range(5))
        product = signal.get_node()
        if product.get_type_name() != "MatMul" or len(signal.get_target_inputs()) > 1:
            continue
        if signal.get_partial_shape().rank.get_length() != SPECTROGRAM:
            continue  # a linear layer of channels themselves
        values, weights = product.input_value(0), product.input_value(1)
        constants = (gain, bias, mean, variance, weights)
        if any(end.get_node().get_type_name() != "Constant" for end in constants):
            continue
        epsilon = node.get_attributes()["epsilon"]
        scale, shift = _affine([end.get_node().data for end in constants[:4]], epsilon)
        shape = (1, -1, 1, 1)
        scaled = ops.multiply(values, ops.constant(scale.reshape(shape)))
        about = product.get_attributes()
        again = ops.matmul(scaled, weights, about["transpose_a"], about["transpose_b"])
        shifted = ops.add(again, ops.constant(shift.reshape(shape)))
        node.output(0).replace(shifted.output(0))
        count += 1
    return count


def _affine(values: list[Any], epsilon: float) -> tuple[Audio, Audio]:
    # As scale * x + shift, one of each a channel.
    gain, bias, mean, variance = (value.astype(np.float64) for value in values)
    scale = gain / np.sqrt(variance + epsilon)
    return scale.astype(np.float32), (bias - mean * scale).astype(np.float32)
