"""Which layers of an int8 network must stay in float32 to keep its quality."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import onnx

from mdx.machine import available_cpus
from mdx.runtimes.onnx import OnnxNetwork
from mdx.systems.spec import Audio
from models.quantize.graph import in_float32, int8_layers
from models.quantize.int8_loss import Loss

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outcome:
    """A quantised graph, its loss, and the layers that were put back into float32."""

    graph: onnx.ModelProto
    loss: Loss
    float32: tuple[str, ...]  # names of these layers
    layers: int  # number of layers, int8 and float32


def find_outcome(
    source: str,
    quantised: onnx.ModelProto,
    parent: onnx.ModelProto,
    spectrograms: Sequence[Audio],
    measure: Callable[[onnx.ModelProto], Loss],
) -> Outcome:
    """Keep as few layers in float32 as it takes for the loss to hold.

    The layers that, quantised alone, add most noise to the output go first; bisection on songs
    finds how many are needed. The outcome holds unless int8 costs too much in every layer. Shape:
    spectrograms (4, dim_f, dim_t) each.
    """
    layers = int8_layers(quantised)

    def attempt(count: int) -> Outcome:
        """Quantise all layers but the `count` worst, and measure the loss."""
        graph = in_float32(quantised, parent, worst[:count]) if count else quantised
        outcome = Outcome(graph, measure(graph), tuple(worst[:count]), len(layers))
        log.info(
            "%s: %d of %d layers in float32: %.3f dB lost, at most %.3f in a song, "
            "%.1f dBFS of noise where it is quiet",
            source, count, len(layers), outcome.loss.decibels, outcome.loss.song,
            outcome.loss.noise,
        )  # fmt: skip
        return outcome

    worst: list[str] = []
    best = attempt(0)
    if best.loss.holds:
        return best
    worst = _by_noise(quantised, parent, layers, spectrograms)
    best = attempt(len(layers) - 1)
    fails, holds = 0, len(layers) - 1
    while best.loss.holds and holds - fails > 1:
        count = (fails + holds) // 2
        outcome = attempt(count)
        if outcome.loss.holds:
            best, holds = outcome, count
        else:
            fails = count
    return best


def _by_noise(
    quantised: onnx.ModelProto,
    parent: onnx.ModelProto,
    layers: Sequence[str],
    spectrograms: Sequence[Audio],
) -> list[str]:
    # Layers by the noise that each, quantised alone, adds to the output; the worst first.
    def run(graph: onnx.ModelProto, name: str) -> Audio:
        """The output of a graph for all spectrograms. Shape: (spectrograms, 4, dim_f, dim_t)."""
        network = OnnxNetwork(graph.SerializeToString(), name, threads=available_cpus())
        return np.stack([network(spectrogram[np.newaxis])[0] for spectrogram in spectrograms])

    expected = run(parent, "float32")
    noise = {}
    for layer in layers:
        others = [name for name in layers if name != layer]
        error = run(in_float32(quantised, parent, others), layer) - expected
        noise[layer] = float(np.square(error, dtype=np.float64).sum())
    return sorted(layers, key=lambda layer: -noise[layer])
