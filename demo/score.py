"""What a song is before it becomes sound: notes, layers, sections."""

from dataclasses import dataclass

STEMS = ("bass", "drums", "other", "vocals")
STEPS_PER_BAR = 16


@dataclass(frozen=True)
class Note:
    """One event; times in seconds, pitch as (fractional) MIDI number, velocity in 0..1."""

    start: float
    duration: float
    pitch: float
    velocity: float
    text: str = ""  # the syllable a voice sings, or the drum that is hit


@dataclass(frozen=True)
class Section:
    """A run of bars in which only the stems of `active` play."""

    first_bar: int
    n_bars: int
    active: frozenset[str]

    def bars(self) -> range:
        """Return the bar numbers of this section."""
        return range(self.first_bar, self.first_bar + self.n_bars)


@dataclass(frozen=True)
class Layer:
    """One instrument of the stem `other` with everything it plays."""

    instrument: str
    notes: tuple[Note, ...]


@dataclass(frozen=True)
class Clock:
    """Musical time in 4/4: turns bars and sixteenth steps into seconds."""

    bpm: float
    swing: float  # delay of every second sixteenth, as a fraction of a step
    jitter: float  # standard deviation of a player's timing, seconds

    @property
    def step(self) -> float:
        """Duration of a sixteenth, seconds."""
        return 15.0 / self.bpm

    @property
    def bar(self) -> float:
        """Duration of a bar, seconds."""
        return STEPS_PER_BAR * self.step

    def at(self, bar: int, step: int) -> float:
        """Return the exact time of a step, seconds."""
        late = self.swing if step % 2 else 0.0
        return bar * self.bar + (step + late) * self.step


@dataclass(frozen=True)
class Score:
    """A whole song, ready to be rendered."""

    genre: str
    clock: Clock
    tonic: int  # pitch class, C = 0
    mode: str
    progression: tuple[int, ...]  # scale degrees (tonic = 0), one chord per bar
    sections: tuple[Section, ...]
    drums: tuple[Note, ...]
    bass: tuple[Note, ...]
    layers: tuple[Layer, ...]
    vocals: tuple[Note, ...]
