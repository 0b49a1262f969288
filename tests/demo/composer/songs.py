"""Composed songs for the tests of the composer."""

from functools import cache

import numpy as np

from demo.composer.players import Hand
from demo.composer.song import compose
from demo.instruments.bass import BASSES
from demo.parts import OTHERS
from demo.score import STEMS, Clock, Score, Section
from demo.splits import Palette

ALL = frozenset(STEMS)
SECONDS = 30.0


@cache
def song(
    split: str, index: int, *, genre: str | None = None, seconds: float = SECONDS
) -> tuple[Score, float]:
    """A song, and the centre of its singer's range, MIDI."""
    palette = Palette(split, np.random.default_rng([index, 0]))
    centre = palette.draw("centre", 51.0, 69.0)
    rng = np.random.default_rng([index, 1])
    score = compose(palette, rng, seconds=seconds, vocal_centre=centre, basses=BASSES,
                    others=OTHERS, genre=genre)  # fmt: skip
    return score, centre


def songs(split: str, count: int) -> list[Score]:
    """The first songs of a split."""
    return [song(split, index)[0] for index in range(count)]


def hand(seed: int = 0, *, bpm: float = 120.0, meter: str = "4/4", jitter: float = 0.0) -> Hand:
    """A player without swing and drift, with timing errors only for `jitter`."""
    clock = Clock(bpm, meter, swing=0.0, jitter=jitter, drift=0.0)
    return Hand(clock, np.random.default_rng(seed))


def section(n_bars: int, first_bar: int = 0, active: frozenset[str] = ALL) -> Section:
    """A section in which all stems play by default."""
    return Section(first_bar, n_bars, active)
