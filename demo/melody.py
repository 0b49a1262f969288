"""Pitches: scales, chords, voicings and the sung melody."""

import numpy as np

from demo.genres import PHRASES
from demo.score import STEPS_PER_BAR, Clock, Note

SCALES = {"major": (0, 2, 4, 5, 7, 9, 11), "minor": (0, 2, 3, 5, 7, 8, 10)}
CONSONANTS = ("s", "sh", "f", "t", "k", "p", "h", "v", "z", "m", "n", "l", "r", "d", "")
VOWELS = ("a", "e", "i", "o", "u", "x")


def chord(tonic: int, mode: str, degree: int, size: int) -> tuple[int, ...]:
    """Return the pitch classes of the diatonic chord of `size` stacked thirds."""
    scale = SCALES[mode]
    return tuple((tonic + scale[(degree + 2 * k) % 7]) % 12 for k in range(size))


def nearest(pitch_class: int, centre: float) -> int:
    """Return the MIDI pitch of that class closest to `centre`."""
    return int(pitch_class + 12 * round((centre - pitch_class) / 12))


def voicing(pitch_classes: tuple[int, ...], centre: float) -> list[int]:
    """Return the chord around `centre`, low to high, so that voices move little."""
    return sorted({nearest(pc, centre + 2 * k - 3) for k, pc in enumerate(pitch_classes)})


def _syllable(rng: np.random.Generator) -> str:
    return f"{rng.choice(CONSONANTS)}-{rng.choice(VOWELS)}"


def sing(
    rng: np.random.Generator,
    clock: Clock,
    *,
    bars: range,
    chords: list[tuple[int, ...]],
    scale: frozenset[int],
    centre: float,
) -> list[Note]:
    """Return the melody over `bars`, phrases of two bars with a breath after each.

    Args:
        chords: pitch classes of the chord of every bar of the song.
        scale: pitch classes that may be sung between chord tones.
        centre: middle of the singer's range, MIDI.
    """
    ladder = [p for p in range(round(centre) - 9, round(centre) + 10) if p % 12 in scale]
    picks = rng.permutation(len(PHRASES))[:2]
    moves = rng.choice([-2, -1, -1, 0, 1, 1, 2], size=(2, STEPS_PER_BAR))
    words = [[_syllable(rng) for _ in range(STEPS_PER_BAR)] for _ in range(2)]
    notes: list[Note] = []
    place = len(ladder) // 2
    for number, first in enumerate(range(bars.start, bars.stop, 2)):
        form = (0, 0, 1, 0)[number % 4]  # the tune comes back, as tunes do
        onsets = [s for s in PHRASES[picks[form]] if first + s // STEPS_PER_BAR < bars.stop]
        last_length = int(rng.integers(4, 7))
        ends = [*onsets[1:], onsets[-1] + last_length]
        for k, (step, end) in enumerate(zip(onsets, ends, strict=True)):
            place += int(moves[form, k % STEPS_PER_BAR])
            place = int(np.clip(place, 1, len(ladder) - 2))
            pitch = ladder[place]
            bar = first + step // STEPS_PER_BAR
            if step % 4 == 0 or k == len(onsets) - 1:
                tones = [nearest(pitch_class, pitch) for pitch_class in chords[bar]]
                pitch = tones[int(np.argmin(np.abs(np.array(tones) - pitch)))]
            start = clock.at(first, step) + rng.normal(0, clock.jitter)
            length = (min(end, step + 8) - step) * clock.step * 0.96
            accent = 0.9 if step % 4 == 0 else 0.75
            velocity = float(np.clip(accent + rng.normal(0, 0.07), 0.4, 1))
            text = words[form][k % STEPS_PER_BAR]
            notes.append(Note(max(start, 0.0), length, pitch, velocity, text))
    return notes
