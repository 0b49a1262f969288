"""A song before it is rendered: notes, layers, sections and the clock."""

from dataclasses import dataclass

import numpy as np

STEMS = ("bass", "drums", "other", "vocals")
METERS = {"4/4": 16, "3/4": 12, "6/8": 12}  # sixteenth steps in a bar


@dataclass(frozen=True)
class Note:
    """One note; times in seconds, pitch as a (fractional) MIDI number, velocity 0 to 1."""

    start: float
    duration: float
    pitch: float
    velocity: float
    text: str = ""  # the syllable a voice sings, or the drum that is hit


@dataclass(frozen=True)
class Section:
    """Consecutive bars in which only the stems in `active` play."""

    first_bar: int
    n_bars: int
    active: frozenset[str]

    def bars(self) -> range:
        """The bar numbers of this section."""
        return range(self.first_bar, self.first_bar + self.n_bars)


@dataclass(frozen=True)
class Layer:
    """One instrument of the stem `other` and everything it plays."""

    instrument: str
    notes: tuple[Note, ...]


@dataclass(frozen=True)
class Clock:
    """Musical time: turns bars and sixteenth steps into seconds."""

    bpm: float  # quarter notes per minute
    meter: str  # a key of METERS
    swing: float  # delay of every second sixteenth, as a fraction of a step
    jitter: float  # standard deviation of a player's timing, seconds
    drift: float  # largest relative deviation of the tempo, with period DRIFT_SECONDS

    @property
    def steps(self) -> int:
        """Sixteenth steps in a bar."""
        return METERS[self.meter]

    @property
    def beat(self) -> int:
        """Sixteenth steps between two accents."""
        return 6 if self.meter == "6/8" else 4

    @property
    def step(self) -> float:
        """Duration of a sixteenth, seconds."""
        return 15.0 / self.bpm

    @property
    def bar(self) -> float:
        """Duration of a bar, seconds."""
        return self.steps * self.step

    def at(self, bar: int, step: float) -> float:
        """The exact time of a step, seconds."""
        late = self.swing if step % 2 == 1 else 0.0
        even = bar * self.bar + (step + late) * self.step
        turn = 2 * np.pi / DRIFT_SECONDS
        return float(even + self.drift / turn * np.sin(turn * even))


DRIFT_SECONDS = 23.0


@dataclass(frozen=True)
class Score:
    """A whole song, ready to be rendered."""

    genre: str
    clock: Clock
    tonic: int  # pitch class, C = 0
    mode: str
    progression: str  # Roman numerals
    sections: tuple[Section, ...]
    drums: tuple[Note, ...]
    bass_kind: str
    bass: tuple[Note, ...]
    layers: tuple[Layer, ...]
    vocals: tuple[Note, ...]
    harmony: tuple[Note, ...]  # a second voice, often empty
    sung: str  # "sung" or "rap"
    ducked: bool  # bass and other give way to the kick
