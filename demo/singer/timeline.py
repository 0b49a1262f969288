"""The start and end of each speech sound of a melody."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from demo.score import Note
from demo.singer.phonemes import (
    CONSONANTS,
    INHALE,
    UPPER,
    Piece,
    parse,
    vowel_piece,
)
from demo.splits import Rng

REST = 0.22  # seconds of silence after which a new phrase starts
_DRAUGHT = (0.1, 0.3, 0.6, 0.85, 1.0, 0.9, 0.5, 0.2)  # loudness over the course of a breath
LONGEST = 0.4  # most seconds of consonants before a vowel


@dataclass(frozen=True)
class Segment:
    """A part of a sound in time (seconds), with its five target formants (Hz)."""

    start: float
    end: float
    piece: Piece
    formants: tuple[float, ...]
    gain: float


@dataclass(frozen=True)
class Syllable:
    """A sung note: its timing, and whether it begins or ends a phrase."""

    note: Note
    onset: float  # start of its first consonant, seconds
    vowel_end: float
    end: float  # end of its last consonant
    first: bool
    last: bool
    bare: bool  # no consonant before the vowel


def _consonants(symbols: list[str]) -> list[Piece]:
    return [piece for symbol in symbols for piece in CONSONANTS[symbol]]


def _length(pieces: list[Piece]) -> float:
    return sum(piece.seconds for piece in pieces)


def lay_out(
    notes: list[Note], speed: float, rng: Rng
) -> tuple[list[Syllable], list[list[Segment]]]:
    """The syllables of a melody and the segments of each, in order of time.

    Vowels start with the notes: consonants before them use time of the preceding rest or vowel,
    but at most about half of it.

    Args:
        notes: sorted by start.
        speed: divides the usual length of consonants.
    """
    parsed = [parse(note.text) for note in notes]
    onsets = [_consonants(onset) for onset, _, _ in parsed]
    codas = [_consonants(coda) for _, _, coda in parsed]
    stops = [*(following.start for following in notes[1:]), np.inf]
    ends = [min(x.start + x.duration, stop) for x, stop in zip(notes, stops, strict=True)]
    before, after = _seconds(notes, ends, onsets, codas, speed)
    syllables: list[Syllable] = []
    segments: list[list[Segment]] = []
    for k, note in enumerate(notes):
        onset, following = note.start - before[k], stops[k] - before[k + 1]
        end = min(ends[k] + 0.3 * after[k], following)
        first = k == 0 or note.start - ends[k - 1] > REST
        last = stops[k] - ends[k] > REST
        syllable = Syllable(note, onset, end - after[k], end, first, last, not onsets[k])
        since = onset - syllables[-1].end if syllables else 1.0
        row = _inhale(onset, since, rng) if first else []
        row += _segments(syllable, onsets[k], parsed[k][1], rng)
        row += _run(codas[k], syllable.vowel_end, end, row[-1].formants, note.velocity)
        syllables.append(syllable)
        segments.append(row)
    return syllables, segments


def _seconds(
    notes: list[Note],
    ends: list[float],
    onsets: list[list[Piece]],
    codas: list[list[Piece]],
    speed: float,
) -> tuple[list[float], list[float]]:
    """The durations of the consonants before and after each vowel; the former end with a 0."""
    before = [min(_length(onset) / speed, LONGEST) for onset in onsets] + [0.0]
    after = [_length(coda) / speed for coda in codas]
    for k, (note, end) in enumerate(zip(notes, ends, strict=True)):
        after[k] = min(after[k], 0.8 * (end - note.start))
        rest = notes[k + 1].start - end if k + 1 < len(notes) else np.inf
        wanted, room = after[k] + before[k + 1], 0.5 * (end - note.start) + rest
        if wanted > room:
            after[k] *= room / wanted
            before[k + 1] *= room / wanted
    return before, after


def _inhale(onset: float, rest: float, rng: Rng) -> list[Segment]:
    """An audible inhalation in the rest before a phrase."""
    length = min(0.75 * rest, rng.uniform(0.18, 0.42))
    gain = rng.uniform(0.2, 1.0)
    end = onset - rng.uniform(0.02, 0.06)
    edges = np.linspace(end - length, end, len(_DRAUGHT) + 1).tolist()
    return [
        Segment(a, b, INHALE, (*INHALE.formants, *UPPER), gain * part)
        for (a, b), part in zip(pairwise(edges), _DRAUGHT, strict=True)
    ]


def _segments(syllable: Syllable, onset: list[Piece], vowels: list[str], rng: Rng) -> list[Segment]:
    """Onset consonants and vowel; every vowel is slightly different."""
    note = syllable.note
    pieces = [vowel_piece(symbol) for symbol in vowels]
    aims = []
    for piece in pieces:
        sway = 1 + 0.03 * rng.standard_normal(5)
        aims.append(tuple(np.array([*piece.formants, *UPPER]) * sway))
    row = _run(onset, syllable.onset, note.start, aims[0], note.velocity)
    # Singers hold the first half of a diphthong and move to the second at its end.
    turn = syllable.vowel_end - min(0.13, 0.35 * (syllable.vowel_end - note.start))
    edges = [note.start, *([turn] if len(pieces) > 1 else []), syllable.vowel_end]
    for (a, b), piece, aim in zip(pairwise(edges), pieces, aims, strict=True):
        row.append(Segment(a, b, piece, aim, note.velocity))
    return row


def _run(
    pieces: list[Piece], start: float, end: float, vowel: tuple[float, ...], gain: float
) -> list[Segment]:
    """Consonants that fill the time from `start` to `end`."""
    scale = (end - start) / max(_length(pieces), 1e-9)
    row = []
    for piece in pieces:
        stop = start + scale * piece.seconds
        aim = (*piece.formants, *vowel[len(piece.formants) :])
        row.append(Segment(start, stop, piece, aim, gain))
        start = stop
    return row
