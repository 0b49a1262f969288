"""What a pitched instrument is to the rest of the demo."""

from collections.abc import Callable
from dataclasses import dataclass

from demo.dsp import Audio
from demo.score import Note
from demo.splits import Knobs, Rng

Play = Callable[[tuple[Note, ...], int, Knobs, Rng], Audio]


@dataclass(frozen=True)
class Instrument:
    """A kind of instrument: every song draws another one of the kind."""

    ranges: dict[str, tuple[float, float]]  # timbre, drawn inside a split
    play: Play  # (notes, n, knobs, rng) -> dry stereo of shape (2, n), at any level
    low: int  # MIDI pitches between which it sounds like itself
    high: int
