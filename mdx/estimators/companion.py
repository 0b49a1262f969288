"""Demucs-v2's way through a song: overlapping segments of the waveform, under triangular weights.

Source: the inference of the released Demucs v2 (`apply_model` with `split`), as a stream.
"""

import math
from collections.abc import Callable, Iterable
from typing import NamedTuple, Protocol

import numpy as np

from mdx.systems.spec import CHANNELS, SAMPLE_RATE, SOURCES, Audio, CompanionSpec

# Sizes of the network that decide which lengths fit it: in all files of this architecture alike.
DEPTH, KERNEL, STRIDE, CONTEXT, RESAMPLE = 6, 8, 4, 3, 2
ORDER = ("drums", "bass", "other", "vocals")  # of the network's output
# Samples. So many are also kept of the song before a segment: no length lacks half of them on
# either side to a valid one.
MAX_SHIFT = SAMPLE_RATE // 2
_SWAP = [ORDER.index(source) for source in SOURCES]
_NOTHING: Audio = np.zeros((len(SOURCES), CHANNELS, 0), dtype=np.float32)


class CompanionNetwork(Protocol):
    """A network that makes all stems of the waveform at once."""

    runtime: str  # the engine, its version and its device
    precision: str

    def __call__(self, mix: Audio) -> Audio:
        """Stems of the middle of each segment, in ORDER; n is a valid length.

        Shape: (batch, 2, n) -> (batch, 4, 2, m)
        """
        ...


def valid_length(samples: int) -> int:
    """The shortest input from whose middle the network makes at least so many samples of output."""
    length = samples * RESAMPLE
    for _ in range(DEPTH):
        length = max(1, math.ceil((length - KERNEL) / STRIDE) + 1) + CONTEXT - 1
    for _ in range(DEPTH):
        length = (length - 1) * STRIDE + KERNEL
    return math.ceil(length / RESAMPLE)


def stem_samples(samples: int) -> int:
    """Samples of output that the network makes of a valid length."""
    length = samples * RESAMPLE
    for _ in range(DEPTH):
        length = (length - KERNEL) // STRIDE + 1
    for _ in range(DEPTH):
        length = (length - CONTEXT) * STRIDE + KERNEL
    return length // RESAMPLE


def longest_input(spec: CompanionSpec) -> int:
    """Samples of the longest input that the network gets."""
    return valid_length(spec.samples + (MAX_SHIFT if spec.shifts else 0))


def batch_of(spec: CompanionSpec) -> int:
    """Segments in one call at most: shifted ones have lengths of their own, and go alone."""
    return 1 if spec.shifts else spec.batch


def step_of(spec: CompanionSpec) -> int:
    """Samples of the song by which one segment of a call brings its stems forward."""
    return max(1, spec.stride // max(1, spec.shifts))


class Level(NamedTuple):
    """What a song is normalised by."""

    mean: float
    deviation: float  # 0 where nothing sounds, and for a single sample: not normalised then


def measure_level(blocks: Iterable[Audio], normalise: str) -> Level:
    """Mean and deviation (of a sample: n - 1) of a whole song, from its blocks of shape (2, n).

    `normalise` is that of CompanionSpec.
    """
    count, mean, squares = 0, 0.0, 0.0  # squares: of the differences from the mean
    for block in blocks:
        # As upstream, both channels are averaged in float32.
        values = (block if normalise == "stereo" else block.mean(axis=0)).astype(np.float64)
        if values.size:
            # What is known and what is new, put together without the differences of large sums.
            here = float(values.mean())
            total = count + values.size
            squares += float(np.square(values - here).sum())
            squares += (here - mean) ** 2 * count * values.size / total
            mean += (here - mean) * values.size / total
            count = total
    deviation = np.float32(math.sqrt(squares / (count - 1)) if count > 1 else 0)
    return Level(mean, float(deviation))  # as it is divided by: 0 is found out here


class CompanionStream:
    """Blocks of mixture in, finished blocks of all four stems out.

    Segments start every `spec.stride` samples; the last ones are cut at the song's end. Each gets
    the song's own samples on either side up to a valid length, zeros only outside the song. Whole
    ones wait for each other, to go in one call. Outputs are added up under a triangle and divided
    by the sum of its weights.
    """

    def __init__(
        self,
        spec: CompanionSpec,
        level: Level,
        process: Callable[[Audio], Audio],
        skipped: Callable[[], None] = lambda: None,
    ) -> None:
        """`process` is a CompanionNetwork, or goes by way of one.

        `skipped` is called in its place for a song of deviation 0, whose stems are zeros.
        """
        self._spec = spec
        self._level = level
        self._process = process
        self._skipped = skipped
        self._rng = np.random.default_rng(0)
        rise, fall = spec.samples // 2, spec.samples - spec.samples // 2
        ramp = np.concatenate([np.arange(1, rise + 1), np.arange(fall, 0, -1)])
        self._triangle = (ramp / np.float32(ramp.max())).astype(np.float32)
        context = valid_length(spec.samples) - spec.samples
        self._behind = MAX_SHIFT if spec.shifts else context - context // 2
        self._blocks: list[Audio] = []  # normalised, from `_first` on
        self._first = 0  # in samples of the song, as the next two
        self._end = 0
        self._start = 0  # of the next segment
        # From there on: weighted stems, and the weights.
        self._stems = _NOTHING
        self._weights: Audio = np.zeros(0, dtype=np.float32)

    def push(self, block: Audio) -> Audio:
        """Take the next samples of the song. Shape: (2, n) -> (4, 2, m), finished by them."""
        scale = np.float32(self._level.deviation or 1)
        self._blocks.append((block - np.float32(self._level.mean)) / scale)
        self._end += block.shape[1]
        finished = [_NOTHING]
        while self._whole(self._end - self._behind) >= batch_of(self._spec):
            finished.append(self._take(batch_of(self._spec)))
        return np.concatenate(finished, axis=2)

    def finish(self) -> Audio:
        """End the song; returns all samples still owed. Shape: (4, 2, m)."""
        finished = [_NOTHING]
        while self._start < self._end:
            count = min(batch_of(self._spec), max(1, self._whole(self._end)))
            finished.append(self._take(count))
        return np.concatenate(finished, axis=2)

    def _whole(self, end: int) -> int:
        # Segments to come that are whole before there.
        return max(0, 1 + (end - self._start - self._spec.samples) // self._spec.stride)

    def _take(self, count: int) -> Audio:
        # What so many segments finish; several are whole ones.
        length = min(self._spec.samples, self._end - self._start)
        parts = [self._overlap(stems, length) for stems in self._separate(count, length)]
        return np.concatenate(parts, axis=2)

    def _overlap(self, stems: Audio, length: int) -> Audio:
        # A segment's stems are large: they are copied once, in the order of SOURCES.
        stride = self._spec.stride
        stems = stems[_SWAP]
        weights = self._triangle[:length].copy()
        stems *= weights
        known = len(self._weights)  # of the segments before, which end no later
        stems[..., :known] += self._stems[..., :known]
        weights[:known] += self._weights[:known]
        # What lies before the next segment is complete.
        found: Audio = stems[..., :stride] / weights[:stride]
        self._stems, self._weights = stems[..., stride:].copy(), weights[stride:]
        self._start += stride
        if not self._level.deviation:
            return np.zeros_like(found)
        found *= np.float32(self._level.deviation)
        found += np.float32(self._level.mean)
        return found

    def _separate(self, count: int, length: int) -> Audio:
        # Stems of the segments that come next. Shape: (count, 4, 2, length), in ORDER
        shifts = self._spec.shifts
        total = np.zeros((count, len(ORDER), CHANNELS, length), dtype=np.float32)
        if not self._level.deviation:
            for _ in range(count * max(1, shifts)):
                self._skipped()
            return total
        mix = self._recent()
        start = self._start - self._first
        if not shifts:
            starts = [start + index * self._spec.stride for index in range(count)]
            return self._apply(mix, starts, length)
        padded = cut(mix, start - MAX_SHIFT, length + 2 * MAX_SHIFT)
        for _ in range(shifts):
            offset = int(self._rng.integers(MAX_SHIFT + 1))
            lead = MAX_SHIFT - offset
            total += self._apply(padded, [offset], length + lead)[..., lead:]
        return total / np.float32(shifts)

    def _apply(self, mix: Audio, starts: list[int], length: int) -> Audio:
        # One call of the network. Shape: (2, n) -> (starts, 4, 2, length)
        size = valid_length(length)
        before = (size - length) // 2
        stems = self._process(np.stack([cut(mix, start - before, size) for start in starts]))
        lead = (stems.shape[3] - length) // 2
        return stems[..., lead : lead + length]

    def _recent(self) -> Audio:
        # The song from a little before the next segment on; what lies before is given up.
        mix = np.concatenate(self._blocks, axis=1)
        unused = min(max(0, self._start - MAX_SHIFT - self._first), mix.shape[1])
        self._blocks = [mix[:, unused:]]
        self._first += unused
        return self._blocks[0]


def cut(mix: Audio, start: int, size: int) -> Audio:
    """Part of a signal, with zeros where it reaches beyond either end.

    Shape: (2, n) -> (2, size)
    """
    inside = mix[:, max(0, start) : max(0, start + size)]
    lead = min(size, max(0, -start))
    return np.pad(inside, ((0, 0), (lead, size - lead - inside.shape[1])))
