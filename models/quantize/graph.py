"""Int8 graphs by NNCF, in which any layer can be put back into float32."""

import importlib.util
import logging
from collections.abc import Sequence

import onnx
from onnx import numpy_helper

from mdx.errors import ConfigError
from mdx.systems.spec import Audio
from models.prepare import drop_unused, prepare

QUANTISE, DEQUANTISE = "QuantizeLinear", "DequantizeLinear"


def check_installed() -> None:
    """Raise ConfigError if NNCF is missing, before anything slow is started."""
    if importlib.util.find_spec("nncf") is None:
        raise ConfigError(
            "quantising", got="no package nncf", expected="one",
            hint="pip install -e '.[quantize]'",
        )  # fmt: skip


def read_graph(content: bytes) -> onnx.ModelProto:
    """The graph of an ONNX file, prepared, with a batch of 1 and a name for every node."""
    model: onnx.ModelProto = onnx.load_from_string(content)
    prepare(model)
    for end in (*model.graph.input, *model.graph.output):
        end.type.tensor_type.shape.dim[0].dim_value = 1
    for index, node in enumerate(model.graph.node):
        node.name = node.name or f"{node.op_type}_{index}"
    return model


def quantise(model: onnx.ModelProto, spectrograms: Sequence[Audio]) -> onnx.ModelProto:
    """Quantise a separator's graph, with ranges taken from spectrograms of music.

    Returns a new graph of QuantizeLinear and DequantizeLinear pairs. The first and the last
    convolution stay in float32: they take hardly any time, and their inputs have the widest range.
    Weights get 7 bits, so that sums of two products fit 16 bits on CPUs that add them up there (x86
    without VNNI), and every CPU computes the same. Shape: (4, dim_f, dim_t) each.
    """
    import nncf

    # Not by nncf.set_log_level, which would also silence handlers that others added.
    logging.getLogger("nncf").setLevel(logging.ERROR)
    name = model.graph.input[0].name
    convolutions = [node.name for node in model.graph.node if node.op_type == "Conv"]
    dataset = nncf.Dataset([spectrogram[None] for spectrogram in spectrograms], lambda x: {name: x})
    quantised: onnx.ModelProto = nncf.quantize(
        model,
        dataset,
        preset=nncf.QuantizationPreset.MIXED,
        subset_size=len(spectrograms),
        ignored_scope=nncf.IgnoredScope(names=[convolutions[0], convolutions[-1]]),
        advanced_parameters=nncf.AdvancedQuantizationParameters(
            overflow_fix=nncf.OverflowFix.ENABLE
        ),
    )
    return quantised


def int8_layers(model: onnx.ModelProto) -> list[str]:
    """Names of the nodes that compute on quantised values, in the graph's order."""
    quantised = {node.output[0] for node in model.graph.node if node.op_type == DEQUANTISE}
    return [
        node.name
        for node in model.graph.node
        if node.op_type != QUANTISE and quantised & set(node.input)
    ]


def in_float32(
    model: onnx.ModelProto, parent: onnx.ModelProto, layers: Sequence[str]
) -> onnx.ModelProto:
    """A copy of a quantised graph whose named layers have the inputs that they have in `parent`."""
    copy: onnx.ModelProto = onnx.ModelProto.FromString(model.SerializeToString())
    graph = copy.graph
    originals = {node.name: node for node in parent.graph.node}
    weights = {tensor.name: tensor for tensor in parent.graph.initializer}
    added: set[str] = set()
    for node in graph.node:
        if node.name not in layers:
            continue
        for index, name in enumerate(originals[node.name].input):
            if name not in weights:
                node.input[index] = name
                continue
            # Quantising corrects biases for its error, so the float32 ones have other names.
            node.input[index] = f"{name}_float32"
            if name not in added:
                values = numpy_helper.to_array(weights[name])
                graph.initializer.append(numpy_helper.from_array(values, f"{name}_float32"))
                added.add(name)
    drop_unused(graph)
    return copy
