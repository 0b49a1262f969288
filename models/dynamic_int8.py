"""Dynamic int8 of networks with an LSTM: its weights, and those of linear layers around it.

These are Demucs-v2, Open-Unmix, X-UMX and MMDenseLSTM. At every step an LSTM reads all its weights
for one product with a vector: it is memory-bound. In int8 they are a quarter. Weights get a scale
for every row of theirs, inputs one for every call, measured as it runs: no songs are needed.
"""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

from mdx.errors import NetworkError
from mdx.files import replacing
from mdx.machine import available_cpus
from mdx.runtimes.onnx import open_session
from mdx.systems.spec import Audio
from models.prepare import drop_unused

CONTRIB = "com.microsoft"  # operators of onnxruntime's own
LARGEST = 127
FRAMES = 431  # of magnitudes: 10 s with a hop of 1,024 samples


def quantise_lstms(path: Path, target: Path, *, samples: int) -> float:
    """Write the int8 network of a float32 one with an LSTM.

    Returns its SNR against float32 in dB on noise: of that many samples, a length that fits the
    network, or magnitudes of as many frames as it takes. Raises NetworkError where the file is
    none, or has no LSTM in float32.
    """
    try:
        model = onnx.load(path)
    except Exception as error:  # protobuf's errors are its own
        raise NetworkError(path, got=error, expected="an ONNX file") from error
    if not any(node.op_type == "LSTM" for node in model.graph.node):
        raise NetworkError(
            path, got="no LSTM", expected="a network with one, in float32",
            hint="those of spectrograms are quantised by 'python -m models.quantize', "
            "others run in float32",
        )  # fmt: skip
    mix = _noise(path, model, samples)
    expected = _run(path, mix)
    quantise_recurrence(model)
    with replacing(target) as draft:
        onnx.save(model, draft)
        del model
        noise = _run(draft, mix) - expected
    return float(10 * np.log10(np.square(expected).sum() / np.square(noise).sum()))


def _noise(path: Path, model: onnx.ModelProto, samples: int) -> Audio:
    # Shape: (1, 2, samples), or magnitudes (1, 2, F, T) with a T that the graph may have fixed
    sizes = [axis.dim_value for axis in model.graph.input[0].type.tensor_type.shape.dim][1:]
    lengths = {2: samples, 3: FRAMES}
    if len(sizes) not in lengths or not all(sizes[:-1]):
        raise NetworkError(path, got=f"an input of the sizes {sizes}",
                           expected="samples, or magnitudes of so many bins")  # fmt: skip
    shape = [*sizes[:-1], sizes[-1] or lengths[len(sizes)]]
    mix = np.random.default_rng(0).standard_normal((1, *shape)).astype(np.float32)
    return np.abs(mix) if len(sizes) == 3 else mix


def _run(path: Path, mix: Audio) -> Audio:
    session = open_session(path, path.name, threads=available_cpus(), provider="cpu")
    output: Audio = session.run(None, {"input": mix})[0]
    return output


def quantise_recurrence(model: onnx.ModelProto) -> None:
    """Put every LSTM, and every product with constants, into dynamic int8, in place."""
    graph = model.graph
    constants = {tensor.name: tensor for tensor in graph.initializer}
    nodes: list[onnx.NodeProto] = []
    for node in graph.node:
        if node.op_type == "LSTM":
            nodes.append(_lstm(graph, node, constants))
        elif node.op_type == "MatMul" and node.input[1] in constants:
            nodes += _product(graph, node, constants)
        else:
            nodes.append(node)
    del graph.node[:]
    graph.node.extend(nodes)
    drop_unused(graph)
    model.opset_import.append(helper.make_opsetid(CONTRIB, 1))


def _lstm(
    graph: onnx.GraphProto, node: onnx.NodeProto, constants: dict[str, onnx.TensorProto]
) -> onnx.NodeProto:
    x, *weights, biases = node.input
    inputs, ranges = [x], []
    for name in weights:
        # Shape: (direction, gates, inputs) -> (direction, inputs, gates)
        values = numpy_helper.to_array(constants[name]).transpose(0, 2, 1)
        quantised, *scale = _quantise(graph, name, values)
        inputs.append(quantised)
        ranges += scale
    inputs += [biases, *[""] * 4, *ranges]  # without lengths, states and peepholes
    replacement = helper.make_node(
        "DynamicQuantizeLSTM", inputs, list(node.output), name=node.name, domain=CONTRIB
    )
    replacement.attribute.extend(node.attribute)
    return replacement


def _product(
    graph: onnx.GraphProto, node: onnx.NodeProto, constants: dict[str, onnx.TensorProto]
) -> list[onnx.NodeProto]:
    # x w as (x / a) (w / b) * (a b), which onnxruntime makes one operator of.
    x, weight = node.input
    quantised, scale, zero = _quantise(graph, weight, numpy_helper.to_array(constants[weight]))
    levels = [f"{node.name}_{part}" for part in ("input", "scale", "zero")]
    total, product, floats = (f"{node.name}_{part}" for part in ("gain", "product", "floats"))
    return [
        helper.make_node("DynamicQuantizeLinear", [x], levels),
        helper.make_node(
            "MatMulInteger", [levels[0], quantised, levels[2], zero], [product], name=node.name
        ),
        helper.make_node("Cast", [product], [floats], to=onnx.TensorProto.FLOAT),
        helper.make_node("Mul", [levels[1], scale], [total]),
        helper.make_node("Mul", [floats, total], list(node.output)),
    ]


def _quantise(graph: onnx.GraphProto, name: str, values: npt.NDArray[np.float32]) -> list[str]:
    # Names of the int8 weights, and of the scale and the zero of every column.
    peak = np.abs(values).max(axis=-2)
    scale = np.where(peak > 0, peak / LARGEST, 1).astype(np.float32)
    tensors = {
        f"{name}_int8": np.rint(values / scale[..., np.newaxis, :]).astype(np.int8),
        f"{name}_scale": scale,
        f"{name}_zero": np.zeros(scale.shape, dtype=np.int8),
    }
    graph.initializer.extend(numpy_helper.from_array(array, key) for key, array in tensors.items())
    return list(tensors)
