"""The clock of a song under a time limit, and the quality levels that fit the remaining time.

The limit is kept from inside, by reading a monotonic clock between segments: one that would be late
is not started. While one is estimated another thread reads the clock, to break it off if need be.
"""

import logging
import time
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from mdx.estimators.protocol import Geometry
from mdx.systems.spec import SAMPLE_RATE, QualityLevel

log = logging.getLogger(__name__)
# Of the limit, for a last segment on a machine that has just become slow, and for files.
SAFETY_MARGIN = 0.1
MARGIN = 1.15  # a level is started only if this multiple of its forecast fits
OVERHEAD = 0.03  # seconds for reading, mixing and writing a second of audio, a safe estimate
FILES = 0.01  # the same, closer to what it takes, for the decision to break off a call
EVIDENCE = 0.1  # of the time that is left: what a call must have lost by then
CLOSING = 0.02  # seconds for closing files, however long the song is
REMEMBERED = 5  # latest segments from which the machine's speed is estimated

Costs = Mapping[tuple[str, str], float]  # seconds a segment, by precision and estimator


class TooSlow(Exception):
    """The current quality level would be late: not an error, but the reason to fall back."""


class Deadline:
    """The clock of one song, and the choice of its quality levels, from the best downward."""

    def __init__(
        self,
        seconds: float,
        levels: Sequence[QualityLevel],
        costs: Costs,
        geometries: Sequence[Mapping[str, Geometry]],
        *,
        started: float,
        clock: Callable[[], float] = time.monotonic,
        song: object = "song",
        once: Collection[str] = (),
        encoding: float = 0.0,
        sample_rate: int = SAMPLE_RATE,
    ) -> None:
        """`started` is the clock's reading when the song's time began; `song` names it in warnings.

        `geometries` are those of each level's estimators and of its filter; the last level has
        none. `once` names those that take no longer for both polarities; `encoding` is how many
        seconds the stems take once the last segment is done. A song of another `sample_rate` is
        resampled, which takes time.
        """
        self._clock, self._song = clock, song
        self._started = started
        self._seconds = seconds
        self._levels, self._index = levels, -1
        self._costs, self._geometries, self._once = costs, geometries, once
        self._encoding = encoding
        self._resampling = 1 if sample_rate == SAMPLE_RATE else 1 + sample_rate / SAMPLE_RATE
        self._slowness: deque[float] = deque([1.0], REMEMBERED)
        self._lost: deque[float] = deque([0.0], REMEMBERED)  # seconds beyond a segment's cost
        self._samples = 0  # still to come, at the current level
        self._segments: dict[str, int] = {}  # still to come, by estimator
        self._began = self._looked = 0.0  # the current call, and the last look at the clock
        self._paused = 0.0  # the longest time between two looks
        self._took = 0.0  # seconds of the current or latest call, without that
        self._expected = 1.0  # seconds of the current call at most, at the speed at setup
        self._decisions: list[dict[str, Any]] = []

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return self._clock() - self._started

    @property
    def spare(self) -> float:
        """Seconds that are left before the safety margin is touched."""
        return self._seconds * (1 - SAFETY_MARGIN) - self.elapsed

    @property
    def slowness(self) -> float:
        """How many times slower the machine is than at setup; a single slow segment is ignored."""
        usual = sorted(self._slowness)[: max(1, len(self._slowness) - 1)]
        return sum(usual) / len(usual)

    def begin(self, samples: int, position: int = 0) -> QualityLevel:
        """Choose the best level for so many samples to come, below the current one if there is one.

        `position` in the song, in samples, is recorded with the decision.
        """
        first = self._index < 0
        self._index += 1
        while self._index < len(self._levels) - 1:
            self._plan(samples)
            if max(self.forecast() * MARGIN, *self._lost) <= self.spare:
                break
            self._index += 1
        self._plan(samples)
        level, seconds = self._levels[self._index], position / SAMPLE_RATE
        log.log(
            logging.INFO if first and not self._index else logging.WARNING,
            "%s, from %.1f s: %s, %s", self._song, seconds, self._label(level), self._reason(first),
        )  # fmt: skip
        self._decisions.append({
            "position": round(seconds, 6),  # of the song
            "index": self._index,
            "reason": self._reason(first),
            "elapsed": round(self.elapsed, 3),
            "forecast": round(self.forecast(), 3),
            "spare": round(self.spare, 3),
            "slowness": round(self.slowness, 2),
        })  # fmt: skip
        return level

    def summary(self) -> dict[str, Any]:
        """What was chosen, where in the song, and why: levels by their index."""
        return {
            "limit": self._seconds,
            "seconds": round(self.elapsed, 3),
            "decisions": self._decisions,
        }

    def forecast(self) -> float:
        """Seconds that the rest of the song will take at the machine's current speed."""
        networks = sum(
            count * self._cost(name) for name, count in self._segments.items() if count > 0
        )
        return (networks + self._files(OVERHEAD)) * self.slowness

    def before_segment(self, estimator: str) -> None:
        """Raise TooSlow if the current level would come too close to the limit.

        A single slow segment does not make the forecast worse, but the next one may lose as much
        time as any of the latest ones: that must be left too. Nor must the rest of the song be late
        at the speed of the latest one, even without networks.
        """
        self._check_rest()
        if max(self.forecast(), *self._lost) > self.spare:
            raise TooSlow
        geometry = self._geometries[self._index][estimator]
        self._expected = self._cost(estimator) * geometry.batch
        self._began = self._looked = self._clock()
        self._paused = self._took = 0.0

    def during_segment(self) -> None:
        """Raise TooSlow once the rest of the song would be late even without networks.

        Called repeatedly from another thread during a call. The longest time between two looks
        counts as a freeze, not as slowness. Half of the safety margin may be used.
        """
        self._look()
        self._check_rest()

    def _look(self) -> None:
        now = self._clock()
        self._paused = max(self._paused, now - self._looked)
        self._looked = now
        self._took = now - self._began - self._paused

    def _check_rest(self) -> None:
        slowness = max(self._took / self._expected, self.slowness)
        left = self.spare + self._seconds * SAFETY_MARGIN / 2
        lost = self._took - self._expected
        late = lost > left * EVIDENCE and self._files(FILES) * slowness > left
        if late or left < 0:
            self._slowness = deque([slowness] * REMEMBERED, REMEMBERED)
            raise TooSlow

    def after_segment(self, estimator: str, *, count: int, share: float) -> None:
        """Update the machine's speed from the duration of a call."""
        expected = self._cost(estimator) * share * count
        self._look()
        took = self._looked - self._began
        self._slowness.append(took / expected)
        self._lost.append(took - expected)
        self.skip_segment(estimator, count=count)

    def skip_segment(self, estimator: str, *, count: int) -> None:
        """Count silent segments, which need no network."""
        self._segments[estimator] -= count
        # The song has come as far as the estimator with the most left to do.
        left = (
            max(0, self._segments[name]) * geometry.step // geometry.passes
            for name, geometry in self._geometries[self._index].items()
        )
        self._samples = min(self._samples, max(left))

    def _files(self, each: float) -> float:
        # Seconds without networks, with so many for a second of audio at the usual rate.
        return self._samples / SAMPLE_RATE * each * self._resampling + self._encoding + CLOSING

    def _reason(self, first: bool) -> str:
        if self._index == len(self._levels) - 1:
            return "nothing better fits"
        if not first:
            return "the one above would be late"
        return "it fits" if self._index == 0 else "the first that fits"

    def _label(self, level: QualityLevel) -> str:
        return level.label(self._levels[0])

    def _cost(self, estimator: str) -> float:
        level = self._levels[self._index]
        twice = level.both_polarities and estimator not in self._once
        return self._costs[level.precision, estimator] * (2 if twice else 1)

    def _plan(self, samples: int) -> None:
        self._samples = samples
        parts = self._geometries[self._index].items()
        self._segments = {name: geometry.count(samples) for name, geometry in parts}
