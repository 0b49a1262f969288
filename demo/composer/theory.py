"""Scales and chords: pitches of Roman numerals, and close voicings."""

import re
from dataclasses import dataclass

SCALES = {"major": (0, 2, 4, 5, 7, 9, 11), "minor": (0, 2, 3, 5, 7, 8, 10)}
_NUMERALS = ("i", "ii", "iii", "iv", "v", "vi", "vii")
_PATTERN = re.compile(r"(b?)([iv]+|[IV]+)(o?)(7?)")


@dataclass(frozen=True)
class Chord:
    """The pitch classes (C = 0) of a chord and of its bass note."""

    tones: tuple[int, ...]  # root, third, fifth and perhaps seventh
    low: int  # the root; in an inversion, the third or fifth


def parse_chord(numeral: str, tonic: int, mode: str, *, seventh: bool = False) -> Chord:
    """The chord of a numeral such as "vi", "bVII" or "V7" in a key.

    Degrees are those of the mode's scale. Upper case means a major third, lower case a minor one;
    "b" lowers the root and "o" the fifth. `seventh` adds the seventh of the scale.
    """
    match = _PATTERN.fullmatch(numeral)
    if match is None:
        raise ValueError(f"{numeral!r} is no chord")
    flat, name, diminished, seven = match.groups()
    scale = SCALES[mode]
    degree = _NUMERALS.index(name.lower())
    root = (tonic + scale[degree] - bool(flat)) % 12
    major = name.isupper()
    tones = [root, root + (4 if major else 3), root + (6 if diminished else 7)]
    if seven or seventh:
        sharp = (root + 11 - tonic) % 12 in scale and not seven
        tones.append(root + (11 if sharp and major else 10))
    return Chord(tuple(tone % 12 for tone in tones), root)


def invert(chord: Chord, number: int) -> Chord:
    """The chord with another of its tones in the bass."""
    return Chord(chord.tones, chord.tones[number % len(chord.tones)])


def nearest(pitch_class: int, centre: float) -> int:
    """The MIDI pitch of a pitch class closest to `centre`."""
    return int(pitch_class + 12 * round((centre - pitch_class) / 12))


def voicing(chord: Chord, centre: float) -> list[int]:
    """A close voicing of the chord around `centre` (MIDI), from low to high."""
    return sorted({nearest(tone, centre + 3 * k - 4) for k, tone in enumerate(chord.tones)})


def strings(chord: Chord, lowest: int) -> list[int]:
    """The chord on a guitar: four to six strings upwards from about `lowest`."""
    pitches = [nearest(chord.low, lowest + 5)]
    steps = (chord.tones[2], chord.tones[0], chord.tones[1], chord.tones[-1], chord.tones[0])
    for tone in steps:
        above = (tone - pitches[-1]) % 12
        pitches.append(pitches[-1] + (above if above > 1 else above + 12))
    return [pitch for pitch in pitches if pitch <= lowest + 36]


def into_range(pitch: int, low: int, high: int) -> int:
    """The pitch, moved by octaves until it lies between `low` and `high`."""
    if pitch < low:
        return pitch + 12 * -((pitch - low) // 12)
    if pitch > high:
        return pitch - 12 * -((high - pitch) // 12)
    return pitch
