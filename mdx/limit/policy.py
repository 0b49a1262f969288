"""The time limit of a song: what it is, and which quality still fits in what is left of it.

The limit is kept from inside, by looking at a monotonic clock between chunks. Nothing is
interrupted: what would be late is not begun.
"""

import logging
import os
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mdx.errors import ConfigError
from mdx.systems.spec import SAMPLE_RATE, Rung

log = logging.getLogger(__name__)
RESERVE = 0.1  # of the limit: for a last chunk on a machine that has just become slow, and files
MARGIN = 1.15  # a rung is begun where this many times its forecast fits
REST = 0.03  # seconds for reading, mixing and writing a second of audio, on the safe side
REMEMBERED = 5  # chunks by which the machine's speed is judged

Costs = Mapping[tuple[str, str], float]  # seconds a chunk, by precision and source


class StepDown(Exception):
    """The rung at work would be late: not an error, a turn in the flow of a song."""


@dataclass(frozen=True)
class Limit:
    """A policy: so many seconds a song, so many times its duration, or none."""

    kind: str = "none"  # fixed, ratio or none
    value: float = 0.0
    most: float = float("inf")  # seconds, whatever the policy

    def seconds(self, duration: float) -> float | None:
        """The limit of a song of this duration, in seconds; None for no limit."""
        if self.kind == "none":
            return None
        return min(self.most, self.value * (duration if self.kind == "ratio" else 1))

    def __str__(self) -> str:
        return self.kind if self.kind == "none" else f"{self.kind}:{self.value:g}"


# The challenge's two limits; the first one holds where nobody names another.
ROUND_1 = Limit("fixed", 240.0)
ROUND_2 = Limit("ratio", 1.57)


def parse_limit(text: str, what: str = "limit") -> Limit:
    """Read `fixed:240`, `ratio:1.57`, `none`, or a number of seconds; raises ConfigError."""
    kind, colon, number = str(text).strip().rpartition(":")
    if number == "none" and not colon:
        return Limit()
    try:
        value = float(number)
    except ValueError:
        value = -1.0
    if kind not in (("fixed", "ratio") if colon else ("",)) or not 0 < value < float("inf"):
        raise ConfigError(
            what, got=f"'{text}'", expected="fixed:SECONDS, ratio:TIMES, none, or seconds"
        )
    return Limit(kind or "fixed", value)


def find_limit(given: str | None, declared: str | None) -> Limit | None:
    """The limit of a song from the command line, the environment, or the system, in that order.

    The environment: MDX_LIMIT, a policy; or the challenge's own number of seconds,
    INFERENCE_PER_MUSIC_TIMEOUT_SECONDS. None where nobody names one. Raises ConfigError.
    """
    if given is not None:
        return parse_limit(given, "--limit")
    for name in ("MDX_LIMIT", "INFERENCE_PER_MUSIC_TIMEOUT_SECONDS"):
        if name in os.environ:
            return parse_limit(os.environ[name], name)
    return None if declared is None else parse_limit(declared, "the system's limit")


class Deadline:
    """The clock of one song, and the choice of its rungs, from the best downwards."""

    def __init__(
        self,
        seconds: float,
        rungs: Sequence[Rung],
        costs: Costs,
        steps: Mapping[str, int],
        *,
        started: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`started` is when, by the clock, the song's time began.

        `steps` are the samples that a chunk of each source yields, and of the companion where there
        is one. The last of the rungs must need no network.
        """
        self._clock = clock
        self._started = started
        self._seconds = seconds
        self._rungs, self._index = rungs, -1
        self._costs, self._steps = costs, steps
        self._slowness: deque[float] = deque([1.0], REMEMBERED)
        self._samples = 0  # still to come, in the way of the present rung
        self._chunks: dict[str, int] = {}  # still to come, by source
        self._began = 0.0
        self._decisions: list[dict[str, Any]] = []

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return self._clock() - self._started

    @property
    def spare(self) -> float:
        """Seconds that are left before the reserve is touched."""
        return self._seconds * (1 - RESERVE) - self.elapsed

    @property
    def slowness(self) -> float:
        """How many times slower the machine is than at setup; one slow chunk is no sign yet."""
        usual = sorted(self._slowness)[: max(1, len(self._slowness) - 1)]
        return sum(usual) / len(usual)

    def begin(self, samples: int, position: int = 0) -> Rung:
        """Choose the best rung for so many samples to come, below the one at work if any.

        `position` is where in the song that is, in samples; it is noted with the decision.
        """
        first = self._index < 0
        self._index += 1
        while self._index < len(self._rungs) - 1:
            self._plan(samples)
            if self.forecast() * MARGIN <= self.spare:
                break
            self._index += 1
        self._plan(samples)
        rung = self._rungs[self._index]
        log.log(
            logging.INFO if first and not self._index else logging.WARNING,
            "from %.1f s: %s, %s", position / SAMPLE_RATE, rung, self._reason(first),
        )  # fmt: skip
        self._decisions.append({
            "position": round(position / SAMPLE_RATE, 6),  # seconds of the song
            "rung": str(rung),
            "index": self._index,
            "reason": self._reason(first),
            "elapsed": round(self.elapsed, 3),
            "forecast": round(self.forecast(), 3),
            "spare": round(self.spare, 3),
            "slowness": round(self.slowness, 2),
        })  # fmt: skip
        return rung

    def summary(self) -> dict[str, Any]:
        """What was chosen, where in the song, and why; to be kept beside the stems."""
        return {
            "limit": self._seconds,
            "seconds": round(self.elapsed, 3),
            "rungs": [str(rung) for rung in self._rungs],
            "decisions": self._decisions,
        }

    def forecast(self) -> float:
        """Seconds that what is to come will take at the machine's present speed."""
        networks = sum(
            chunks * self._cost(source) for source, chunks in self._chunks.items() if chunks > 0
        )
        return (networks + self._samples / SAMPLE_RATE * REST) * self.slowness

    def skip_chunk(self, source: str, *, count: int = 1) -> None:
        """Count a chunk, or several, that needs no network, being silent."""
        self._chunks[source] -= count
        # The song is as far as the source that has most to do.
        left = (max(0, self._chunks[name]) * self._steps[name] for name in self._chunks)
        self._samples = min(self._samples, max(left))

    def before_chunk(self) -> None:
        """Raises StepDown where the present rung would come too near to the limit."""
        if self._index < len(self._rungs) - 1 and self.forecast() > self.spare:
            raise StepDown
        self._began = self._clock()

    def after_chunk(self, source: str, *, share: float = 1.0, count: int = 1) -> None:
        """Learn from a call how fast the machine is.

        It had so many chunks, of whose whole length each had that share.
        """
        expected = self._cost(source) * share * count
        self._slowness.append((self._clock() - self._began) / expected)
        self.skip_chunk(source, count=count)

    def _reason(self, first: bool) -> str:
        if self._index == len(self._rungs) - 1:
            return "nothing better fits"
        if not first:
            return "the one above would be late"
        return "it fits" if self._index == 0 else "the first that fits"

    def _cost(self, source: str) -> float:
        rung = self._rungs[self._index]
        return self._costs[rung.precision, source] * (2 if rung.both_polarities else 1)

    def _plan(self, samples: int) -> None:
        self._samples = samples
        parts, steps = self._rungs[self._index].parts, self._steps
        self._chunks = {name: -(-samples // steps[name]) for name in parts if name in steps}
