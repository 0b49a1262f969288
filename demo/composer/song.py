"""Composes a song: genre, key, tempo and form, then every part."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from demo.composer.accompaniment import draw_layers, draw_solo
from demo.composer.bassline import draw_bass
from demo.composer.drumming import draw_drums
from demo.composer.form import draw_form, draw_lacking
from demo.composer.genres import GENRES, Genre
from demo.composer.melody import draw_melody, harmonise
from demo.composer.players import Hand
from demo.composer.progressions import PROGRESSIONS, WALK_BARS, WALK_SHARE, WALKS
from demo.composer.theory import SCALES, Chord, invert, parse_chord
from demo.instruments.instrument import Instrument
from demo.score import Clock, Layer, Note, Score, Section
from demo.singer.languages import LANGUAGES, syllables
from demo.splits import Palette

SEVENTHS, INVERSIONS = 0.3, 0.3  # shares of songs and of chords
HARMONY = 0.25  # share of sung songs with a second voice
_INTERVALS = (2, 2, 5, -2, -5, 7, -7)  # thirds, sixths, octaves in degrees of the scale
CHORD_BARS = (1, 1, 1, 2)  # possible durations of a chord


@dataclass(frozen=True)
class Key:
    """The chords and the scale of a song."""

    tonic: int
    mode: str
    progression: str
    chords: list[Chord]  # one per bar
    scale: frozenset[int]  # pitch classes


def compose(
    palette: Palette, rng: np.random.Generator, *, seconds: float, vocal_centre: float,
    basses: Mapping[str, Instrument], others: Mapping[str, Instrument], genre: str | None = None,
    solo: np.random.Generator | None = None,
) -> Score:  # fmt: skip
    """A song of at least `seconds` whose melody lies around `vocal_centre` (MIDI).

    `basses` and `others` are the available instruments; `genre` is drawn unless given.
    `solo` decides on a soloist, who is not there without it.
    """
    name = genre or _draw_genre(rng)
    style = GENRES[name]
    clock = _draw_clock(palette, style, rng)
    n_bars = int(np.ceil(seconds / clock.bar))
    key = _draw_key(palette, style, rng, n_bars)
    sections = draw_form(rng, n_bars, draw_lacking(palette.split, rng))
    hand = Hand(clock, rng)
    rap = rng.random() < style.rap
    vocals, harmony = _draw_vocals(palette, hand, sections, key, vocal_centre, rap=rap)
    bass = str(rng.choice(style.basses))
    soloist: tuple[Layer, ...] = ()
    if solo is not None:
        soloist = draw_solo(Hand(clock, solo), sections, key.chords, key.scale, others,
                            vocal_centre=vocal_centre)  # fmt: skip
    return Score(
        genre=name, clock=clock, tonic=key.tonic, mode=key.mode, progression=key.progression,
        sections=sections, drums=draw_drums(hand, style, sections), bass_kind=bass,
        bass=draw_bass(hand, style, sections, key.chords, low=basses[bass].low,
                       high=basses[bass].high),
        layers=draw_layers(hand, style, sections, key.chords, key.scale, others,
                           vocal_centre=vocal_centre) + soloist,
        vocals=vocals, harmony=harmony, sung="rap" if rap else "sung",
        ducked=bool(rng.random() < style.ducked),
    )  # fmt: skip


def _draw_genre(rng: np.random.Generator) -> str:
    weights = np.array([genre.weight for genre in GENRES.values()], dtype=float)
    return str(rng.choice(list(GENRES), p=weights / weights.sum()))


def _draw_clock(palette: Palette, genre: Genre, rng: np.random.Generator) -> Clock:
    of_six, of_three = genre.meters
    meter = str(rng.choice(["4/4", "6/8", "3/4"], p=[1 - of_six - of_three, of_six, of_three]))
    swing = float(rng.uniform(0.08, 0.32)) if rng.random() < genre.swing else 0.0
    return Clock(
        palette.tempo(*genre.tempo), meter, swing,
        jitter=palette.draw("score.jitter", 0.004, 0.012),
        drift=palette.draw("score.drift", 0.0, 0.01),
    )  # fmt: skip


def _draw_key(palette: Palette, genre: Genre, rng: np.random.Generator, n_bars: int) -> Key:
    mode = "minor" if rng.random() < genre.minor else "major"
    tonic = palette.tonic()
    if rng.random() < WALK_SHARE:
        numerals = _walk(rng, WALKS[mode], WALK_BARS[palette.split])
        progression = " ".join(numerals)
    else:
        progression = palette.choose("progression", PROGRESSIONS[mode])
        numerals = progression.split()
    sevenths = bool(rng.random() < SEVENTHS)
    bars = int(rng.choice(CHORD_BARS)) if len(numerals) < 12 else 1
    round_trip = []
    for numeral in numerals:
        chord = parse_chord(numeral, tonic, mode, seventh=sevenths)
        round_trip.append(
            invert(chord, int(rng.integers(1, 3)) if rng.random() < INVERSIONS else 0)
        )
    chords = [round_trip[bar // bars % len(round_trip)] for bar in range(n_bars)]
    scale = frozenset((tonic + step) % 12 for step in SCALES[mode])
    return Key(tonic, mode, progression, chords, scale)


def _walk(rng: np.random.Generator, ways: dict[str, tuple[str, ...]], length: int) -> list[str]:
    """A random walk of `length` chords that is not a repetition of a shorter one."""
    while True:
        walk = [next(iter(ways))]
        while len(walk) < length:
            walk.append(str(rng.choice(ways[walk[-1]])))
        if not any(walk[:part] * (length // part) == walk for part in range(1, length)):
            return walk


def _draw_vocals(
    palette: Palette, hand: Hand, sections: tuple[Section, ...], key: Key, centre: float,
    *, rap: bool,
) -> tuple[tuple[Note, ...], tuple[Note, ...]]:  # fmt: skip
    """The notes of the lead and of a second voice, which joins in some sections."""
    rng = hand.rng
    words = syllables(palette.choose("language", LANGUAGES), 32, rng)
    degrees = int(rng.choice(_INTERVALS))
    if degrees >= 5 and centre > 60:
        degrees = -degrees  # nobody sings a sixth or an octave above a high voice
    joined = not rap and rng.random() < HARMONY
    lead: list[Note] = []
    second: tuple[Note, ...] = ()
    for section in sections:
        if "vocals" not in section.active:
            continue
        notes = draw_melody(hand, bars=section.bars(), chords=key.chords, scale=key.scale,
                            centre=centre, words=words, rap=rap)  # fmt: skip
        lead += notes
        if joined and (not second or rng.random() < 0.6):
            second += harmonise(notes, key.scale, degrees=degrees)
    return tuple(lead), second
