"""One estimator's stream through a song: cut, estimate, weight, add up, divide by the weights."""

from collections.abc import Sequence

import numpy as np

from mdx.estimators.normalise import Normalisation
from mdx.estimators.protocol import Estimator, SegmentListener
from mdx.estimators.windows import WINDOWS
from mdx.stages import Stages
from mdx.systems.spec import CHANNELS, Audio


class OverlapAdd:
    """Blocks of mixture in, finished blocks of an estimator's stems out, in constant memory.

    The length of the song need not be known beforehand. Window and geometry are the estimator's
    data: concatenated chunks ("kuielab"), chunks under a Hann window ("uvr"), and segments of the
    waveform under a triangle with real neighbours as context (Demucs-v2) are one procedure.
    """

    def __init__(
        self,
        estimator: Estimator,
        *,
        listeners: Sequence[SegmentListener] = (),
        stages: Stages | None = None,
        normalisation: Normalisation | None = None,
    ) -> None:
        """`listeners` observe every call: in this order before it, in reverse order after it."""
        self._estimator = estimator
        self._geometry = estimator.geometry
        self._listeners = tuple(listeners)
        self._stages = stages or Stages()
        self._normalisation = normalisation
        self._window = WINDOWS[self._geometry.window]
        self._whole = self._weigh(self._geometry.segment)
        self._rng = np.random.default_rng(0)
        self._nothing = np.zeros((len(estimator.makes), CHANNELS, 0), dtype=np.float32)
        self._blocks: list[Audio] = []  # of the mixture, from `_first` on
        self._first = 0  # in samples of the song, as the next two
        self._end = 0
        self._start = -self._geometry.lead  # of the next segment
        # From there on: weighted stems, and the sum of the weights.
        self._stems: Audio = self._nothing
        self._weights: Audio = np.zeros(0, dtype=np.float32)

    def push(self, block: Audio) -> Audio:
        """Take the next samples of the song.

        Shape: (channels, n) -> (stems, 2, m), finished by them
        """
        self._blocks.append(self._normalisation.apply(block) if self._normalisation else block)
        self._end += block.shape[1]
        finished = [self._nothing]
        batch = self._geometry.batch
        while self._count_whole(self._end - self._geometry.after) >= batch:
            finished.append(self._next(batch, self._geometry.segment))
        return np.concatenate(finished, axis=2)

    def finish(self) -> Audio:
        """End the song; returns all samples still pending. Shape: (stems, 2, m)."""
        finished = [self._nothing]
        end = self._geometry.end(self._end)
        while self._end and self._start < self._end and self._counts(end):
            count = min(self._geometry.batch, max(1, self._count_whole(end)))
            length = min(self._geometry.segment, end - self._start)
            finished.append(self._next(count, length))
        finished.append(self._stems_before(self._end - self._start))
        return np.concatenate(finished, axis=2)

    def _counts(self, end: int) -> bool:
        # Whether there is a next segment, if the last one ends there.
        geometry, first = self._geometry, self._start == -self._geometry.lead
        return geometry.nested or first or end - self._start > geometry.segment - geometry.step

    def _weigh(self, samples: int) -> Audio:
        return self._window(samples, self._geometry.segment, self._geometry.step)

    def _count_whole(self, end: int) -> int:
        # Segments from the next one on that are complete before there.
        geometry = self._geometry
        return max(0, 1 + (end - self._start - geometry.segment) // geometry.step)

    def _next(self, count: int, length: int) -> Audio:
        # The samples that so many segments finish; several are always whole. Shape: (stems, 2, m)
        geometry = self._geometry
        mix = np.concatenate(self._blocks, axis=1)
        start = self._start - self._first - geometry.before
        size = geometry.before + length + geometry.after
        starts = [start + index * geometry.step for index in range(count)]
        segments = np.stack([cut(mix, begin, size) for begin in starts])
        # Copy what the next segment's context needs: a view would keep all of it.
        unused = min(max(0, start + count * geometry.step), mix.shape[1])
        self._blocks = [mix[:, unused:].copy()]
        self._first += unused
        del mix
        parts = [self._add(stems) for stems in self._estimate(segments, length)]
        return np.concatenate(parts, axis=2)

    def _estimate(self, segments: Audio, length: int) -> Audio:
        # Shape: (count, 2, before + length + after) -> (count, stems, 2, length)
        geometry, name, count = self._geometry, self._estimator.name, len(segments)
        spread = self._normalisation is None or self._normalisation.std
        if not spread or (geometry.skip_silence and not segments.any()):
            for listener in self._listeners:
                listener.skip_segment(name, count=count * geometry.passes)
            return np.zeros((count, *self._nothing.shape[:2], length), dtype=np.float32)
        share = 1.0 if self._estimator.fixed_length else length / geometry.segment
        total = None
        for _ in range(geometry.passes):
            for listener in self._listeners:
                listener.before_segment(name)
            with np.errstate(over="ignore", invalid="ignore"):  # reported by the pipeline's check
                found = self._estimator(segments, stages=self._stages, rng=self._rng)
            for listener in reversed(self._listeners):
                listener.after_segment(name, count=count, share=share)
            total = found if total is None else total + found
        assert total is not None
        return total if geometry.passes == 1 else total / np.float32(geometry.passes)

    def _add(self, stems: Audio) -> Audio:
        # One segment's stems complete everything before the next segment.
        segment, step, length = self._geometry.segment, self._geometry.step, stems.shape[2]
        weights = self._whole.copy() if length == segment else self._weigh(length)
        known = len(self._weights)  # of earlier segments, which end no later
        with np.errstate(over="ignore", invalid="ignore"):
            stems *= weights
            stems[..., :known] += self._stems
            weights[:known] += self._weights
            inside = slice(max(0, -self._start), max(0, min(step, self._end - self._start)))
            found = self._divided(stems[..., inside], weights[inside])
        self._stems, self._weights = stems[..., step:].copy(), weights[step:]
        self._start += step
        return found

    def _stems_before(self, samples: int) -> Audio:
        # Of the pending stems: the end of the song, if no further segment comes.
        known = slice(0, max(0, min(samples, len(self._weights))))
        return self._divided(self._stems[..., known], self._weights[known])

    def _divided(self, stems: Audio, weights: Audio) -> Audio:
        found: Audio = stems / weights
        return self._normalisation.undo(found) if self._normalisation else found


def cut(mix: Audio, start: int, size: int) -> Audio:
    """Part of a signal, padded with zeros beyond either end.

    Shape: (2, n) -> (2, size)
    """
    inside = mix[:, max(0, start) : max(0, start + size)]
    if inside.shape[1] == size:
        return inside
    lead = min(size, max(0, -start))
    return np.pad(inside, ((0, 0), (lead, size - lead - inside.shape[1])))
