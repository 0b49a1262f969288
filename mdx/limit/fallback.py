"""Falling back to lower quality levels in the middle of a song, without a click."""

from collections.abc import Mapping

import numpy as np

from mdx.estimators.normalise import Normalisation
from mdx.limit.deadline import Deadline, TooSlow
from mdx.limit.ladder import Ladder
from mdx.monitor import Monitor
from mdx.runtimes.watched import watching
from mdx.systems.spec import CHANNELS, SAMPLE_RATE, Audio

WARM_UP = SAMPLE_RATE  # samples of warm-up context for a new level
FADE = SAMPLE_RATE // 10  # samples over which it replaces the old one


class Fallback:
    """A song under a limit: the Stream of one quality level after another.

    Only this class knows the deadline: it chooses the level, and checks the clock between segments
    and while networks run. Stems already returned stay as they are. The mixture since then, and
    FADE samples of stems, are buffered for the level below, which starts from there.
    """

    def __init__(
        self,
        samples: int,
        deadline: Deadline,
        ladder: Ladder,
        monitor: Monitor,
        *,
        normalisations: Mapping[str, Normalisation] | None = None,
    ) -> None:
        """`samples` are expected; `normalisations` are those of the ladder's `normalise_by`."""
        self._samples = samples
        self._deadline = deadline
        self._ladder = ladder
        self._monitor = monitor
        self._normalisations = normalisations
        self._mix: Audio = np.zeros((CHANNELS, 0), dtype=np.float32)  # from `_from` on
        self._from = 0
        nothing = np.zeros((len(ladder.stems), CHANNELS, 0), dtype=np.float32)
        self._given = 0  # samples of the song that were returned
        self._held: Audio = nothing  # stems from there on
        self._old: Audio = nothing  # stems of the level above, after the buffered ones
        self._ramp: Audio = np.zeros(0, dtype=np.float32)  # the new level's share where they are
        self._skip = 0  # samples of the new level's warm-up context
        self._start()

    def push(self, mix: Audio) -> Audio:
        """Take the next samples of the song. Shape: (2, n) -> (stems, 2, m)."""
        self._mix = np.concatenate([self._mix, mix], axis=1)
        given = [self._held[:, :, :0]]
        with watching(self._deadline.during_segment):
            try:
                given.append(self._accept(self._stream.push(mix)))
            except TooSlow:
                self._go_on_below(given, ended=False)
        self._forget()
        return np.concatenate(given, axis=2)

    def finish(self) -> Audio:
        """End the song; returns the samples still pending. Shape: (stems, 2, m)."""
        given: list[Audio] = []
        with watching(self._deadline.during_segment):
            try:
                given.append(self._accept(self._stream.finish()))
            except TooSlow:
                self._go_on_below(given, ended=True)
        return np.concatenate([*given, self._held], axis=2)

    def _go_on_below(self, given: list[Audio], *, ended: bool) -> None:
        while True:
            self._start()
            try:
                given.append(self._accept(self._stream.push(self._mix)))
                if ended:
                    given.append(self._accept(self._stream.finish()))
            except TooSlow:
                continue
            return

    def _start(self) -> None:
        self._forget()
        self._old = np.concatenate([self._held, self._old], axis=2)
        self._held = self._held[:, :, :0]
        length = self._old.shape[2]
        self._ramp = (np.arange(1, length + 1) / (length + 1)).astype(np.float32)
        self._skip = self._given - self._from
        left = max(self._samples - self._from, self._mix.shape[1])
        level = self._deadline.begin(left, self._given)
        self._monitor.expect(self._ladder.count_segments(level, left))
        # In reverse order after a segment: the deadline reads the clock before progress is called.
        self._stream = self._ladder.open(
            level, listeners=(self._monitor, self._deadline), stages=self._monitor.stages,
            normalisations=self._normalisations,
        )  # fmt: skip

    def _accept(self, stems: Audio) -> Audio:
        # New stems fade in over the old ones; the last samples are pending until more arrives.
        skipped = min(self._skip, stems.shape[2])
        self._skip -= skipped
        stems = stems[:, :, skipped:]
        count = min(self._old.shape[2], stems.shape[2])
        if count:
            old, ramp = self._old[:, :, :count], self._ramp[:count]
            stems = np.concatenate(
                [old + (stems[:, :, :count] - old) * ramp, stems[:, :, count:]], axis=2
            )
            self._old, self._ramp = self._old[:, :, count:], self._ramp[count:]
        self._held = np.concatenate([self._held, stems], axis=2)
        ready = max(0, self._held.shape[2] - FADE)
        given, self._held = self._held[:, :, :ready], self._held[:, :, ready:]
        self._given += ready
        return given

    def _forget(self) -> None:
        start = max(0, self._given - WARM_UP)
        self._mix = self._mix[:, start - self._from :]
        self._from = start
