"""Recorded guitar strums in place of plucked strings: one recording for each chord."""

import re
import statistics
from collections import defaultdict
from functools import cache
from itertools import pairwise, product
from pathlib import Path

import numpy as np

from demo.dsp import SAMPLE_RATE, Audio, add_at, gate
from demo.errors import DemoError
from demo.packs.catalogue import Pack
from demo.packs.samples import read_sample, repitch
from demo.score import Note
from demo.splits import Rng

_NAMES = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_ACCIDENTALS = {None: 0, "sharp": 1, "flat": -1}
_CHORDS = {"major": (0, 4, 7), "minor": (0, 3, 7), "minor7b5": (0, 3, 6)}
_SPELLINGS = {"minro7b5": "minor7b5"}  # of chords in the pack
_FILE = re.compile(
    r"([A-G])(sharp|flat)? ?(major|minor7b5|minro7b5|minor)(?:_(UP|DOWN))?_\d+", re.I
)
_TOGETHER = 0.06  # seconds within which notes belong to one strum
_FARTHEST = 2  # most semitones by which a recording is transposed


def are_chords(notes: tuple[Note, ...]) -> bool:
    """Whether a part mostly strums; the notes of an arpeggio are nobody's chord."""
    return statistics.median(map(len, _gather(notes))) >= 2


def play_strums(pack: Pack, notes: tuple[Note, ...], n: int, rng: Rng) -> Audio:
    """Play each chord of a part with the closest recorded strum. Shape: (2, n).

    Raises DemoError if a recording cannot be used.
    """
    out = np.zeros((2, n))
    chords = _gather(notes)
    starts = [chord[0].start for chord in chords]
    ends = [b for _, b in pairwise(starts)] + [np.inf]
    recorded = _read_chords(pack)
    for number, (chord, end) in enumerate(zip(chords, ends, strict=True)):
        classes = frozenset(round(note.pitch) % 12 for note in chord)
        name, semitones = _nearest(tuple(recorded), classes)
        takes = recorded[name]["UP" if number % 2 else "DOWN"]
        path = takes[int(rng.integers(len(takes)))]
        x = repitch(read_sample(path, pack.rate), semitones)
        longest = max(note.duration for note in chord) + 0.1
        seconds = min(end - chord[0].start + 0.02, longest)
        part = x[:, : max(round(seconds * SAMPLE_RATE), 1)]
        part = part * gate(part.shape[-1], 0.0, 0.05)
        velocity = max(note.velocity for note in chord)
        add_at(out, velocity * part, max(round(chord[0].start * SAMPLE_RATE), 0))
    return out


def _gather(notes: tuple[Note, ...]) -> list[list[Note]]:
    """Group the notes, in order, by those that are struck together."""
    chords: list[list[Note]] = []
    for note in sorted(notes, key=lambda note: note.start):
        if chords and note.start - chords[-1][0].start < _TOGETHER:
            chords[-1].append(note)
        else:
            chords.append([note])
    return chords


@cache
def _read_chords(pack: Pack) -> dict[tuple[int, str], dict[str, tuple[Path, ...]]]:
    """The recordings by root and kind of chord, and by stroke."""
    found: dict[tuple[int, str], dict[str, list[Path]]] = defaultdict(lambda: defaultdict(list))
    for path in pack.find_files():
        match = _FILE.fullmatch(path.stem.removesuffix("wav"))
        if match is None:
            raise DemoError(path, got="no chord in its name", expected="Aminor_UP_00, for instance")
        letter, accidental, kind, stroke = match.groups()
        chord = (_NAMES[letter] + _ACCIDENTALS[accidental]) % 12, _SPELLINGS.get(kind, kind)
        found[chord][(stroke or "").upper()].append(path)
    # Strokes without a name are up or down; E major has no other downstrokes.
    return {
        chord: {way: (*strokes[way], *strokes[""]) for way in ("UP", "DOWN")}
        for chord, strokes in sorted(found.items())
    }


@cache
def _nearest(
    recorded: tuple[tuple[int, str], ...], classes: frozenset[int]
) -> tuple[tuple[int, str], int]:
    """The recorded chord nearest to some pitch classes, and its transposition in semitones.

    A common note scores 1, an extra note of the recording -0.5, and each semitone of
    transposition -0.1.
    """

    def score(chord: tuple[int, str], move: int) -> float:
        """How well a chord of the pack fits when transposed by `move` semitones."""
        tones = {(chord[0] + interval + move) % 12 for interval in _CHORDS[chord[1]]}
        return len(tones & classes) - 0.5 * len(tones - classes) - 0.1 * abs(move)

    moves = range(-_FARTHEST, _FARTHEST + 1)
    return max(product(recorded, moves), key=lambda option: score(*option))
