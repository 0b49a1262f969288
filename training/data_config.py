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
    bells: float = 0.0  # largest gain of two bell filters at random frequencies, dB
    # Range of the factor of the side signal, half the difference between left and right.
    width: Sequence[float] = field(default=(1.0, 1.0), hash=False)
    balance: float = 0.0  # largest change of level between left and right, dB
    # For some sources: the share of stems to which another of the same source is added.
    layers: Mapping[str, float] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        for key in ("gain_db", "semitones", "quiet", "bells", "balance"):
            value = getattr(self, key)
            require(0 <= value < math.inf, key, value, "0 or more")
        for key in ("whole_song", "keep_quiet"):
            value = getattr(self, key)
            require(0 <= value <= 1, key, value, "0 to 1")
        expected = f"from and to in dB, for some of {', '.join(SOURCES)}"
        require(_are_ranges(self.treble), "treble", self.treble, expected)
        expected = "from and to, 0 or more"
        require(_is_range(self.width) and self.width[0] >= 0, "width", self.width, expected)
        expected = f"shares from 0 to 1, for some of {', '.join(SOURCES)}"
        require(_are_shares(self.layers), "layers", self.layers, expected)
        for key in ("stretch", "speed"):
            value = getattr(self, key)
            require(0 <= value < 1, key, value, "0 or more, below 1")


def _are_ranges(values: object) -> bool:
    return isinstance(values, Mapping) and all(
        source in SOURCES and _is_range(ends) for source, ends in values.items()
    )


def _is_range(ends: object) -> bool:
    return (
        isinstance(ends, Sequence)
        and len(ends) == 2
        and all(isinstance(end, int | float) for end in ends)
        and -math.inf < ends[0] <= ends[1] < math.inf
    )


def _are_shares(values: object) -> bool:
    return isinstance(values, Mapping) and all(
        source in SOURCES and isinstance(share, int | float) and 0 <= share <= 1
        for source, share in values.items()
    )
