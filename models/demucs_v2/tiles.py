"""The outer levels of Demucs-v2's graph, tile by tile of time.

A segment's outermost signals take hundreds of megabytes each; those of a tile stay in the caches of
a CPU. As the levels are not padded, a tile with enough context has the same samples as the whole;
where it reaches beyond the whole, edge masks make this exact.

A tile is STEPS of the signal after the last outer level. Within a level it is a span of the level's
own steps, counted from the start of the tile. Levels are numbered from the outermost, 0.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from onnx import TensorProto

from models.demucs_v2.graph import Graph
from models.demucs_v2.levels import ENTER, LEAVE, decode, double_rate, encode, halve_rate
from models.demucs_v2.network import RATE, Demucs, DemucsSpec

OUTER = 3  # levels; to encode them again is a tenth of the work
STEPS = 344  # of a tile, a quarter of a second


class Span(NamedTuple):
    """Steps of a signal, counted from the start of a tile there; `end` is exclusive."""

    start: int
    end: int

    @property
    def steps(self) -> int:
        """The number of steps."""
        return self.end - self.start


def encode_tiles(graph: Graph, mix: str, net: Demucs) -> str:
    """The outer levels of the encoder. Shape: (1, 2, n) -> (1, width, 1, steps)."""
    spec = net.spec
    spans = _encoded(spec, [Span(0, 0)] * (OUTER - 1) + [Span(0, STEPS)])
    steps = graph.affine(graph.length(mix, 2), times=RATE)
    for _ in range(OUTER):
        steps = graph.affine(steps, add=spec.stride - spec.kernel, over=spec.stride)
    mix, window = _surrounded(graph, mix, spec, spans[0])

    def write(body: Graph, tile: str) -> str:
        """Write the graph of one tile; returns the name of its output."""
        return _encode_tile(body, mix, tile, net, spans, window)[-1]

    return _by_tiles(graph, write, steps, STEPS)


def decode_tiles(graph: Graph, mix: str, x: str, net: Demucs, lost: int) -> str:
    """The decoder's outer levels, which recompute their skips from the mix.

    Storing the skips would take much memory; recomputing them takes a tenth more time. `lost` is
    the number of steps by which x is shorter than its skip.

    Shape: (1, 2, n), (1, width, 1, steps) -> (1, 8, 1, m)
    """
    spec = net.spec
    inputs = _decoder_inputs(spec)
    skips: list[Span] = []
    steps = [graph.length(x, 3)]  # of the whole: all levels' outputs, the last one's input
    for span in inputs[::-1]:
        skips.insert(0, Span(span.start + lost // 2, span.end + lost // 2))
        lost = spec.stride * (lost + spec.context - 1)
        add = spec.kernel - spec.stride * spec.context
        steps.insert(0, graph.affine(steps[0], times=spec.stride, add=add))
    spans = _encoded(spec, skips)
    mix, window = _surrounded(graph, mix, spec, spans[0])
    x = graph.pad(x, -inputs[-1].start, inputs[-1].end, rank=4, mode="constant")

    def write(body: Graph, tile: str) -> str:
        """Write the graph of one tile; returns the name of its output."""
        encoded = _encode_tile(body, mix, tile, net, spans, window)
        y = body.part(x, body.affine(tile, times=STEPS), inputs[-1].steps)
        for level in reversed(range(OUTER)):
            start = skips[level].start - spans[level].start
            skip = body.part(encoded[level], body.numbers(start), skips[level].steps)
            inside = _inside(body, tile, level, inputs[level], steps[level + 1], spec)
            block = net.decoder[spec.depth - 1 - level]
            y = decode(body, y, skip, block, spec.stride, inside=inside)
            # Steps beyond the span would contribute to both ends.
            ends = spec.kernel - spec.stride
            y = body.cut(y, body.numbers(ends), body.numbers(-ends))
        y = _clamped(body, y, tile, _decoded(spec, inputs[0]), steps[0], spec)
        return halve_rate(body, y)

    return _by_tiles(graph, write, graph.affine(steps[0], over=RATE), _samples(spec))


def _samples(spec: DemucsSpec) -> int:
    # Of the song, from one tile to the next.
    samples: int = STEPS * spec.stride**OUTER // RATE
    return samples


def _encoded(spec: DemucsSpec, wanted: Sequence[Span]) -> list[Span]:
    # The span that every encoder level returns: its own output, and the input of the next.
    spans = [wanted[-1]]
    for span in wanted[-2::-1]:
        inner = spans[0]
        start = min(span.start, spec.stride * inner.start)
        end = max(span.end, spec.stride * (inner.end - 1) + spec.kernel)
        spans.insert(0, Span(start, end))
    return spans


def _decoder_inputs(spec: DemucsSpec) -> list[Span]:
    # The span that every decoder level reads, with the context of the last filter.
    span = Span(-LEAVE, RATE * _samples(spec) + LEAVE)
    for _ in range(OUTER):
        start = (span.start + spec.stride - spec.kernel) // spec.stride
        span = Span(start, -(-span.end // spec.stride) + spec.context - 1)
    inputs = [span]
    for _ in range(OUTER - 1):
        inputs.insert(0, _decoded(spec, inputs[0]))
    return inputs


def _decoded(spec: DemucsSpec, span: Span) -> Span:
    # The span of a decoder level's output that depends on that span of its input alone.
    start = spec.stride * span.start + spec.kernel - spec.stride
    return Span(start, spec.stride * (span.end - spec.context + 1))


def _surrounded(graph: Graph, mix: str, spec: DemucsSpec, outermost: Span) -> tuple[str, Span]:
    # The mix, padded by the context of its tiles; and the window of the first tile in it.
    start = spec.stride * outermost.start // RATE - ENTER
    end = (spec.stride * (outermost.end - 1) + spec.kernel) // RATE + ENTER
    lead = max(0, -start)
    padded = graph.pad(mix, lead, max(0, end), rank=3, mode="edge")
    return padded, Span(start + lead, end + lead)


def _encode_tile(
    body: Graph, mix: str, tile: str, net: Demucs, spans: Sequence[Span], window: Span
) -> list[str]:
    # The output of every encoder level, over its span.
    spec = net.spec
    start = body.affine(tile, times=_samples(spec), add=window.start)
    x = double_rate(body, body.part(mix, start, window.steps))
    found: list[str] = []
    for level in range(OUTER):
        if level:
            first = spec.stride * spans[level].start - spans[level - 1].start
            count = spec.stride * (spans[level].steps - 1) + spec.kernel
            x = body.part(x, body.numbers(first), count)
        x = encode(body, x, net.encoder[level], spec.stride, phases=1 if level else RATE)
        found.append(x)
    return found


def _inside(body: Graph, tile: str, level: int, span: Span, steps: str, spec: DemucsSpec) -> str:
    # 1 where a decoder level's convolution is inside the whole signal, otherwise 0.
    start = body.affine(tile, times=STEPS * spec.stride ** (OUTER - 1 - level))
    counted = body.numbers(*range(span.start, span.end - spec.context + 1))
    place = body.add("Add", counted, start)
    begun = body.add("Less", body.numbers(-1), place)
    ended = body.add("Less", place, body.affine(steps, add=1 - spec.context))
    return body.add("Cast", body.add("And", begun, ended), to=TensorProto.FLOAT)


def _clamped(body: Graph, x: str, tile: str, span: Span, steps: str, spec: DemucsSpec) -> str:
    # A tile with the context of the last filter; beyond the whole's ends their sample is repeated.
    start = body.affine(tile, times=RATE * _samples(spec))
    counted = body.numbers(*range(-LEAVE, RATE * _samples(spec) + LEAVE))
    place = body.add("Max", body.add("Add", counted, start), body.numbers(0))
    place = body.add("Min", place, body.affine(steps, add=-1))
    return body.add("Gather", x, body.add("Sub", place, body.affine(start, add=span.start)), axis=3)


def _by_tiles(graph: Graph, write: Callable[..., str], steps: str, size: int) -> str:
    # The tiles, side by side. Shape: each (1, width, 1, size)
    count = graph.add("Squeeze", graph.affine(steps, add=size - 1, over=size))
    first, one = graph.constant(np.array(0)), graph.constant(np.array(1))
    tiles = graph.add("Range", first, count, one)
    stacked = graph.one_by_one(write, tiles, element=TensorProto.INT64, axis=2)
    x = graph.add("Reshape", stacked, graph.numbers(0, 1, -1))
    return graph.cut(graph.add("Unsqueeze", x, graph.numbers(0)), graph.numbers(0), steps)
