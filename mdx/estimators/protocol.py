"""What an estimator is: it turns a segment of the mixture into some stems."""

import copy
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from mdx.errors import ConfigError
from mdx.runtimes.network import Network, PolarityAverage
from mdx.stages import Stages
from mdx.systems.spec import CHANNELS, Audio


@dataclass(frozen=True)
class Geometry:
    """How a song is cut into segments and joined again: all that overlap-add needs, in samples."""

    segment: int  # that one call estimates
    step: int  # from the start of one segment to the start of the next
    before: int = 0  # context that the estimator also gets: the song's samples, zeros outside it
    after: int = 0
    lead: int = 0  # zeros before the song, where the first segment begins
    tail: int = 0  # zeros after it, where the last segments are cut off
    multiple: int = 0  # more zeros, at least one, so that song and zeros fill a multiple of this
    fill: int = 0  # the same, but no zeros for a song that already is a multiple
    nested: bool = True  # whether a segment entirely within the one before also counts
    window: str = "rectangular"  # a key of mdx.estimators.windows.WINDOWS
    batch: int = 1  # segments in one call; only whole ones are batched
    grain: int = 1  # the unit in which time grows with length: one patch of a network, in samples
    passes: int = 1  # calls for the same segment, whose estimates are averaged
    skip_silence: bool = True  # digital silence skips the network and is silent in every stem
    channels: int = CHANNELS  # of what is cut: the song's, or more where stems come with it

    def __post_init__(self) -> None:
        if not 1 <= self.step <= self.segment:
            raise ConfigError(
                "overlap",
                got=f"steps of {self.step} samples",
                expected=f"1 to {self.segment}, so that every sample is in a segment",
            )

    def count(self, samples: int) -> int:
        """Number of segments of a song, counting every pass."""
        starts = -(-(samples + self.lead) // self.step)
        if not self.nested:
            more = self.end(samples) + self.lead - self.segment
            starts = min(starts, 1 + max(0, -(-more // self.step)))
        return starts * self.passes

    def end(self, samples: int) -> int:
        """The sample at which the zeros after a song end."""
        more = self.multiple - samples % self.multiple if self.multiple else 0
        filled = -samples % self.fill if self.fill else 0
        return samples + self.tail + more + filled

    @property
    def latency(self) -> int:
        """Samples that must go in before the first ones come out."""
        return self.segment - self.lead + self.after + (self.batch - 1) * self.step


class Estimator(Protocol):
    """Turns a segment into some stems; it keeps no state of a song, so threads can share it."""

    name: str  # in ladders, blends, progress and stages
    makes: tuple[str, ...]
    geometry: Geometry
    normalise: str | None  # how the song is normalised: see mdx.estimators.normalise; None: not
    fixed_length: bool  # whether a shorter segment takes as long as a whole one
    network: Network | None  # for polarity averaging; None: none, or unsigned input

    def __call__(self, segments: Audio, *, stages: Stages, rng: np.random.Generator) -> Audio:
        """Estimate the stems of segments with their context; `rng` is the song's own.

        The caller may write to the result.
        Shape: (batch, channels, before + n + after) -> (batch, len(makes), 2, n), n at most
        `segment`, channels 2 except where the geometry has others
        """
        ...


def with_batch(estimator: Estimator, most: int) -> Estimator:
    """The same estimator with at most so many segments in one call."""
    smaller = copy.copy(estimator)
    smaller.geometry = replace(estimator.geometry, batch=min(most, estimator.geometry.batch))
    return smaller


def polarity_averaged(estimator: Estimator) -> Estimator:
    """The same estimator with polarity averaging: its network f becomes the mean of f(x), -f(-x).

    Magnitudes are the same for x and -x: there the mean would be the estimate itself.
    """
    twice = copy.copy(estimator)
    if estimator.network is not None:
        twice.network = PolarityAverage(estimator.network)
    return twice


class SegmentListener(Protocol):
    """Observes every segment: the monitor, and under a time limit the deadline."""

    def before_segment(self, estimator: str) -> None:
        """Called before a call; an exception ends the pipeline."""
        ...

    def after_segment(self, estimator: str, *, count: int, share: float) -> None:
        """Called after a call of `count` segments, each as long as this `share` of a whole one."""
        ...

    def skip_segment(self, estimator: str, *, count: int) -> None:
        """Called in place of a call of `count` segments, which are silent."""
        ...
