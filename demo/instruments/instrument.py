"""The interface of a pitched instrument."""

from collections.abc import Callable
from dataclasses import dataclass

from demo.dsp import Audio
from demo.score import Note
from demo.splits import Knobs, Rng

Play = Callable[[tuple[Note, ...], int, Knobs, Rng], Audio]


@dataclass(frozen=True)
class Instrument:
    """A kind of instrument; every song draws its own instance."""

    ranges: dict[str, tuple[float, float]]  # of timbre parameters, drawn within a split
    play: Play  # (notes, n, knobs, rng) -> dry stereo of shape (2, n), at any level
    low: int  # lowest and highest MIDI pitch that sound natural
    high: int
