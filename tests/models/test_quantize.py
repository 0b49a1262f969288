"""Int8 networks: their output, and the layers that stay in float32."""

from pathlib import Path

import numpy as np
import onnx
import pytest

from mdx.estimators.stft import Stft
from mdx.runtimes.onnx import OnnxNetwork
from mdx.runtimes.openvino import OpenVinoNetwork
from mdx.systems.spec import Audio
from models.quantize.graph import in_float32, int8_layers, quantise, read_graph
from models.quantize.int8_loss import Loss
from models.quantize.search import find_outcome
from tests.tiny import TINY, noise

pytestmark = pytest.mark.filterwarnings("ignore")  # NNCF's own, and those of what it imports
STFT = Stft(TINY["vocals"])


@pytest.fixture(scope="module")
def parent(tiny_system: Path) -> onnx.ModelProto:
    """A tiny network in float32."""
    return read_graph((tiny_system.parent / "vocals.onnx").read_bytes())


@pytest.fixture(scope="module")
def chunks() -> list[Audio]:
    """The network's inputs for four chunks of noise."""
    size = TINY["vocals"].chunk
    return [STFT.forward(noise(size, seed=seed)) for seed in range(4)]


@pytest.fixture(scope="module")
def quantised(parent: onnx.ModelProto, chunks: list[Audio]) -> onnx.ModelProto:
    """The same network in int8."""
    return quantise(parent, chunks[:3])


def run(graph: onnx.ModelProto, spectrogram: Audio) -> Audio:
    network = OnnxNetwork(graph.SerializeToString(), "x.onnx", threads=1)
    output: Audio = network(spectrogram[np.newaxis])[0]
    return output


def decibels(signal: Audio, error: Audio) -> float:
    return float(10 * np.log10(np.square(signal).sum() / np.square(error).sum()))


def test_an_int8_network_is_near_its_parent_on_a_chunk_it_never_saw(
    parent: onnx.ModelProto, quantised: onnx.ModelProto, chunks: list[Audio]
) -> None:
    expected, got = run(parent, chunks[3]), run(quantised, chunks[3])
    change = expected - expected.mean(axis=(1, 2), keepdims=True)  # random networks have an offset
    assert 15 < decibels(change, got - expected) < 60  # int8, and not float32 under that name


def test_both_runtimes_compute_the_same_int8(
    quantised: onnx.ModelProto, chunks: list[Audio]
) -> None:
    content = quantised.SerializeToString()
    one = OnnxNetwork(content, "x.onnx", threads=1)
    two = OpenVinoNetwork(content, "x.onnx", threads=1)
    assert (one.precision, two.precision) == ("int8", "int8")
    expected = one(chunks[3][np.newaxis])
    # They round halves differently, which is far below the noise of int8.
    assert decibels(expected, two(chunks[3][np.newaxis]) - expected) > 40


def test_the_first_and_the_last_convolution_stay_float32(quantised: onnx.ModelProto) -> None:
    convolutions = [node.name for node in quantised.graph.node if node.op_type == "Conv"]
    layers = int8_layers(quantised)
    assert len(layers) > 10 and set(convolutions[1:-1]) <= set(layers)
    assert not {convolutions[0], convolutions[-1]} & set(layers)


def test_weights_have_seven_bits(quantised: onnx.ModelProto) -> None:
    stored = {
        tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in quantised.graph.initializer
    }
    weights = [values for values in stored.values() if values.dtype == np.int8 and values.ndim > 1]
    assert weights and max(int(np.abs(values).max()) for values in weights) <= 64


def test_all_layers_in_float32_are_the_parent(
    parent: onnx.ModelProto, quantised: onnx.ModelProto, chunks: list[Audio]
) -> None:
    graph = in_float32(quantised, parent, int8_layers(quantised))
    assert int8_layers(graph) == []
    assert {node.op_type for node in graph.graph.node} == {
        node.op_type for node in parent.graph.node
    }
    got, expected = run(graph, chunks[3]), run(parent, chunks[3])
    # Fused differently; this network's last layer sums large numbers to small ones.
    assert np.abs(got - expected).max() <= 1e-4 * np.abs(expected).max()


def test_some_layers_in_float32(
    parent: onnx.ModelProto, quantised: onnx.ModelProto, chunks: list[Audio]
) -> None:
    layers = int8_layers(quantised)
    kept = layers[::2]
    graph = in_float32(quantised, parent, kept)
    assert int8_layers(graph) == [name for name in layers if name not in kept]
    assert int8_layers(quantised) == layers  # the original is untouched
    expected = run(parent, chunks[3])
    errors = [run(network, chunks[3]) - expected for network in (quantised, graph)]
    assert decibels(expected, errors[1]) > decibels(expected, errors[0])


@pytest.mark.parametrize("needed", [0, 1, 2, 5, 100])
def test_as_few_layers_as_it_takes(
    needed: int, parent: onnx.ModelProto, quantised: onnx.ModelProto, chunks: list[Audio]
) -> None:
    layers = len(int8_layers(quantised))
    tried = []

    def measure(graph: onnx.ModelProto) -> Loss:
        count = layers - len(int8_layers(graph))
        tried.append(count)
        after = 5.0 if count >= needed else 4.9
        return Loss((5.0, after), (5.0, after), 0.0, -90.0)

    outcome = find_outcome("vocals", quantised, parent, chunks[:1], measure)
    assert outcome.loss.holds == (needed < layers)
    if outcome.loss.holds:
        assert len(outcome.float32) == layers - len(int8_layers(outcome.graph)) == needed
    assert len(tried) <= 3 + np.log2(layers)


def test_the_worst_layer_is_the_first_to_go(
    parent: onnx.ModelProto, quantised: onnx.ModelProto, chunks: list[Audio]
) -> None:
    layers = int8_layers(quantised)
    expected = run(parent, chunks[0])

    def error_of(layer: str) -> float:
        others = [name for name in layers if name != layer]
        return decibels(run(in_float32(quantised, parent, others), chunks[0]) - expected, expected)

    def measure(graph: onnx.ModelProto) -> Loss:
        after = 5.0 if len(int8_layers(graph)) < len(layers) else 4.9
        return Loss((5.0, after), (5.0, after), 0.0, -90.0)

    outcome = find_outcome("vocals", quantised, parent, chunks[:1], measure)
    assert outcome.float32 == (max(layers, key=error_of),)
