"""How training examples are drawn: the key `data` of a configuration."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mdx.systems.spec import SOURCES, require


@dataclass(frozen=True)
class DataConfig:
    """Each stem of an example has its own song and position, gain and changes."""

    gain_db: float = 6.0  # largest random gain of each stem, up or down
    whole_song: float = 0.0  # share of examples whose four stems come from one song
    swap: bool = True  # the channels of a stem may be swapped
    flip: bool = False  # the polarity of a stem may be inverted
    quiet: float = 0.0  # a chunk of a stem is redrawn if its mean absolute value is below this
    keep_quiet: float = 0.15  # share of quiet chunks that are kept anyway
    semitones: float = 0.0  # largest pitch shift on the fly
    stretch: float = 0.0  # largest time stretch on the fly, relative to the duration
    speed: float = 0.0  # largest relative change of speed, which includes pitch and formants
    # For each source listed: the range of its treble boost, in dB.
    treble: Mapping[str, Sequence[float]] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        for key in ("gain_db", "semitones", "quiet"):
            value = getattr(self, key)
            require(0 <= value < math.inf, f"data: {key}", value, "0 or more")
        for key in ("whole_song", "keep_quiet"):
            value = getattr(self, key)
            require(0 <= value <= 1, f"data: {key}", value, "0 to 1")
        expected = f"from and to in dB, for some of {', '.join(SOURCES)}"
        require(_are_ranges(self.treble), "data: treble", self.treble, expected)
        for key in ("stretch", "speed"):
            value = getattr(self, key)
            require(0 <= value < 1, f"data: {key}", value, "0 or more, below 1")


def _are_ranges(values: object) -> bool:
    return isinstance(values, Mapping) and all(
        source in SOURCES
        and isinstance(ends, Sequence)
        and len(ends) == 2
        and all(isinstance(end, int | float) for end in ends)
        and -math.inf < ends[0] <= ends[1] < math.inf
        for source, ends in values.items()
    )
