"""Numerals give the textbook's chords, and voicings are playable."""

from itertools import pairwise, product

import numpy as np
import pytest

from demo.composer.progressions import PROGRESSIONS, WALKS
from demo.composer.theory import (
    SCALES,
    Chord,
    into_range,
    invert,
    nearest,
    parse_chord,
    strings,
    voicing,
)

NOTES = ["C", "Db", "D", "Eb", "E", "F", "Gb", "G", "Ab", "A", "Bb", "B"]

# Every numeral of the progressions in C, then with the seventh of the scale.
MAJOR = {
    "I": ("C E G", "C E G B"),
    "ii": ("D F A", "D F A C"),
    "iii": ("E G B", "E G B D"),
    "IV": ("F A C", "F A C E"),
    "iv": ("F Ab C", "F Ab C Eb"),
    "V": ("G B D", "G B D F"),
    "vi": ("A C E", "A C E G"),
    "bVII": ("Bb D F", "Bb D F A"),
    "I7": ("C E G Bb", "C E G Bb"),
    "IV7": ("F A C Eb", "F A C Eb"),
    "V7": ("G B D F", "G B D F"),
}
MINOR = {
    "i": ("C Eb G", "C Eb G Bb"),
    "iio": ("D F Ab", "D F Ab C"),
    "III": ("Eb G Bb", "Eb G Bb D"),
    "iv": ("F Ab C", "F Ab C Eb"),
    "v": ("G Bb D", "G Bb D F"),
    "V": ("G B D", "G B D F"),
    "VI": ("Ab C Eb", "Ab C Eb G"),
    "VII": ("Bb D F", "Bb D F Ab"),
    "i7": ("C Eb G Bb", "C Eb G Bb"),
    "iv7": ("F Ab C Eb", "F Ab C Eb"),
    "V7": ("G B D F", "G B D F"),
}
TABLES = {"major": MAJOR, "minor": MINOR}
CHORDS = [
    invert(parse_chord(numeral, tonic, mode, seventh=seventh), number)
    for mode, table in TABLES.items()
    for numeral, tonic, seventh, number in product(table, range(12), (False, True), range(3))
]


@pytest.mark.parametrize("mode", TABLES)
def test_numerals(mode: str) -> None:
    for (numeral, names), tonic in product(TABLES[mode].items(), range(12)):
        for seventh, tones in zip((False, True), names, strict=True):
            expected = tuple((NOTES.index(name) + tonic) % 12 for name in tones.split())
            chord = parse_chord(numeral, tonic, mode, seventh=seventh)
            assert chord == Chord(expected, expected[0]), (numeral, tonic, seventh)


@pytest.mark.parametrize("mode", TABLES)
def test_the_tables_above_hold_every_numeral_in_use(mode: str) -> None:
    known = {
        numeral for split in PROGRESSIONS[mode].values() for p in split for numeral in p.split()
    }
    assert known | set(WALKS[mode]) == set(TABLES[mode])


@pytest.mark.parametrize("numeral", ["", "VIII", "H", "b", "7", "I9", "Ii", "i V"])
def test_an_invalid_numeral_is_refused(numeral: str) -> None:
    with pytest.raises(ValueError, match=r"no chord|not in"):
        parse_chord(numeral, 0, "major")


def test_scales() -> None:
    names = {"major": "C D E F G A B", "minor": "C D Eb F G Ab Bb"}
    assert {mode: tuple(map(NOTES.index, x.split())) for mode, x in names.items()} == SCALES


def test_inversions_change_the_bass_only() -> None:
    chord = Chord((0, 4, 7), 0)
    assert [invert(chord, k) for k in range(4)] == [Chord((0, 4, 7), k) for k in (0, 4, 7, 0)]


def test_nearest_is_the_closest_of_its_class() -> None:
    for pitch_class, centre in product(range(12), np.arange(30, 80, 0.7)):
        same_class = [p for p in range(128) if p % 12 == pitch_class]
        found = nearest(pitch_class, float(centre))
        assert found in same_class
        assert abs(found - centre) == min(abs(p - centre) for p in same_class)


def test_voicings_hold_the_chord_around_their_centre() -> None:
    for chord, centre in product(CHORDS, (52.0, 60.5, 70.0)):
        pitches = voicing(chord, centre)
        assert pitches == sorted(pitches)
        assert sorted(p % 12 for p in pitches) == sorted(chord.tones), (chord, centre)
        assert centre - 10 <= pitches[0] and pitches[-1] <= centre + 11, (chord, centre, pitches)


def test_guitar_strings_ascend_and_stay_on_the_neck() -> None:
    counts = set()
    for chord in CHORDS:
        pitches = strings(chord, 40)
        counts.add(len(pitches))
        assert pitches[0] % 12 == chord.low and {p % 12 for p in pitches} <= set(chord.tones)
        assert pitches[0] >= 40 and pitches[-1] <= 76, chord
        assert all(2 <= b - a <= 13 for a, b in pairwise(pitches)), (chord, pitches)
    assert counts == {4, 5, 6}


def test_guitar_strings_lie_in_three_octaves_from_the_lowest() -> None:
    for chord, lowest in product(CHORDS, (28, 45, 52)):
        pitches = strings(chord, lowest)
        assert 4 <= len(pitches) <= 6
        assert lowest - 1 <= pitches[0] and pitches[-1] <= lowest + 36, (chord, lowest)


def test_open_chord_of_a_guitar() -> None:
    """E major is held as every guitarist holds it."""
    assert strings(parse_chord("I", 4, "major"), 40) == [40, 47, 52, 56, 59, 64]


def test_into_range_moves_by_octaves_and_no_further_than_needed() -> None:
    for pitch, (low, high) in product(range(128), ((28, 55), (40, 51), (55, 96))):
        moved = into_range(pitch, low, high)
        assert low <= moved <= high and (moved - pitch) % 12 == 0
        inside = [p for p in range(low, high + 1) if (p - pitch) % 12 == 0]
        assert moved == min(inside, key=lambda p: abs(p - pitch))
