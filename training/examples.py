"""Random training mixtures, each determined by its number alone."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
import torch
from scipy.signal import resample_poly
from torch import Tensor
from torch.utils.data import Dataset

from mdx.errors import AudioError
from mdx.systems.spec import SOURCES, Audio
from training.config import targets
from training.data_config import DataConfig
from training.filters import Section, bell, equalise, shelf
from training.songs import Song, Stems
from training.stretch import stretch_stem

SPEED_STEPS = 40  # a speed is a ratio of integers up to about this, which makes resampling fast
CORNERS = (1000.0, 8000.0)  # Hz, range of the corner frequency of the treble boost
BELLS = 2  # filters of a stem
BELL_HZ, BELL_Q = (50.0, 5000.0), (0.5, 2.0)
REDRAWS = 4  # most redraws of a quiet stem, since some are silent throughout

# What left and right are made of: (left from left, left from right), (right from left, ...).
Stereo = tuple[tuple[float, float], tuple[float, float]]


@dataclass(frozen=True)
class Place:
    """The position in a song that a stem is taken from, with its speed and pitch."""

    song: Song
    start: int  # samples
    semitones: float = 0.0
    tempo: float = 1.0
    speed: Fraction = Fraction(1)  # of the tape: pitch and tempo together


@dataclass(frozen=True)
class Part:
    """One stem of an example."""

    place: Place
    gain: float  # negative if the polarity is inverted
    swap: bool  # of left and right
    filters: tuple[Section, ...] = ()
    stereo: Stereo = ((1.0, 0.0), (0.0, 1.0))
    layer: "Part | None" = None  # a second one, which is added


class Examples(Dataset[tuple[Tensor, Tensor]]):
    """Mixtures of stems from different songs (paper, section 3), and their target stems.

    Example `index` depends on the seed, the index and the songs only: workers and resumed runs get
    the same examples as any other run.
    """

    def __init__(
        self, songs: Sequence[Song], source: str, data: DataConfig, *,
        chunk: int, count: int, seed: int, cache: bool = True,
    ) -> None:  # fmt: skip
        """Prepare `count` examples of `chunk` samples; `cache` says whether files are mapped.

        Raises AudioError if there is no song.
        """
        if not songs:
            raise AudioError("training", got="no song", expected="at least one to draw from")
        self._songs = tuple(songs)
        self._source = source
        self._data = data
        self._chunk = chunk
        self._count = count
        self._seed = seed
        self._stems = Stems(mapped=cache)

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        """The mixture and its target stem, or all four stems if the source is `all`.

        Shape: (2, chunk) each; (4, 2, chunk) for all four.

        The mixture is the sum of its stems in the order of SOURCES, exactly. Raises AudioError for
        a file that cannot be read; ConfigError if stretching is requested without its library.
        """
        parts = zip(SOURCES, self.draw(index), strict=True)
        stems = {source: self._make(source, part) for source, part in parts}
        mix = np.sum(list(stems.values()), axis=0)
        wanted = [stems[source] for source in targets(self._source)]
        target = np.stack(wanted) if len(wanted) > 1 else wanted[0]
        return torch.from_numpy(mix), torch.from_numpy(target)

    def draw(self, index: int) -> tuple[Part, ...]:
        """The parts of an example, in the order of SOURCES; IndexError beyond the last example."""
        if not 0 <= index < self._count:
            raise IndexError(index)
        rng = np.random.default_rng([self._seed, index])
        together = rng.random() < self._data.whole_song
        place = self._draw_place(rng)
        parts = []
        for source in SOURCES:
            if source != SOURCES[0] and not together:
                place = self._draw_place(rng)
            if self._data.quiet and not together:
                place = self._draw_louder(rng, source, place)
            part = self._draw_part(rng, source, place)
            share = 0.0 if together else self._data.layers.get(source, 0.0)
            if share and rng.random() < share:
                layer = self._draw_part(rng, source, self._draw_place(rng))
                part = replace(part, layer=layer)
            parts.append(part)
        return tuple(parts)

    def _draw_part(self, rng: np.random.Generator, source: str, place: Place) -> Part:
        data = self._data
        gain = 10 ** (rng.uniform(-1, 1) * data.gain_db / 20)
        swap, flip = rng.random(2) < 0.5
        sign = -1 if flip and data.flip else 1
        filters = []
        if source in data.treble:
            low, high = data.treble[source]
            filters.append(shelf(rng.uniform(low, high), log_uniform(rng, *CORNERS)))
        if data.bells:
            for _ in range(BELLS):
                loud = rng.uniform(-1, 1) * data.bells
                filters.append(bell(loud, log_uniform(rng, *BELL_HZ), rng.uniform(*BELL_Q)))
        part = Part(place, sign * gain, bool(swap) and data.swap, tuple(filters))
        narrowest, widest = data.width
        if data.balance or (narrowest, widest) != (1, 1):
            tilt = rng.uniform(-1, 1) * data.balance
            part = replace(part, stereo=stereo(rng.uniform(narrowest, widest), tilt))
        return part

    def _draw_place(self, rng: np.random.Generator) -> Place:
        song = self._songs[rng.integers(len(self._songs))]
        semitones = rng.uniform(-1, 1) * self._data.semitones
        tempo = 1 + rng.uniform(-1, 1) * self._data.stretch
        speed = Fraction(1)
        if self._data.speed:
            drawn = 1 + rng.uniform(-1, 1) * self._data.speed
            speed = Fraction(drawn).limit_denominator(SPEED_STEPS)
        start = int(rng.integers(max(1, song.samples - self._needed(tempo, speed) + 1)))
        return Place(song, start, semitones, tempo, speed)

    def _draw_louder(self, rng: np.random.Generator, source: str, place: Place) -> Place:
        """Redraw the position while the stem is quiet, a few times at most."""
        for _ in range(REDRAWS):
            loud = self._loudness(source, place) >= self._data.quiet
            if loud or rng.random() < self._data.keep_quiet:
                break
            place = self._draw_place(rng)
        return place

    def _loudness(self, source: str, place: Place) -> float:
        # The mean absolute value of a stem at a position.
        return float(np.abs(self._read(source, place)).mean())

    def _needed(self, tempo: float, speed: Fraction) -> int:
        return math.ceil(self._chunk * tempo * speed)

    def _read(self, source: str, place: Place) -> Audio:
        samples = self._needed(place.tempo, place.speed)
        return self._stems.read(place.song, source, place.start, samples)

    def _make(self, source: str, part: Part) -> Audio:
        place = part.place
        stem = self._read(source, place)
        if place.speed != 1:
            slower = place.speed.denominator, place.speed.numerator
            stem = resample_poly(stem, *slower, axis=1)[:, : math.ceil(self._chunk * place.tempo)]
        if place.semitones or place.tempo != 1:
            stem = stretch_stem(stem, semitones=place.semitones, tempo=place.tempo)[
                :, : self._chunk
            ]
        if part.filters:
            stem = equalise(stem, part.filters)
        if part.swap:
            stem = stem[::-1].copy()  # torch does not accept negative strides
        if part.stereo != Part.stereo:
            stem = np.array(part.stereo, dtype=np.float32) @ stem
        stem *= np.float32(part.gain)
        if part.layer:
            stem += self._make(source, part.layer)
        return stem


def log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    """A number between `low` and `high`, whose logarithm is uniformly distributed."""
    return math.exp(rng.uniform(math.log(low), math.log(high)))


def stereo(width: float, balance: float) -> Stereo:
    """The matrix that multiplies the side signal by `width`, then shifts the balance.

    `balance` is the level of the left channel over the right one, in dB.
    """
    near, far = (1 + width) / 2, (1 - width) / 2
    left, right = 10 ** (balance / 40), 10 ** (-balance / 40)
    return (left * near, left * far), (right * far, right * near)
