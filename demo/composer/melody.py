"""Melodies of the lead singer, with syllables, and of instruments."""

from dataclasses import replace

import numpy as np

from demo.composer.players import Hand
from demo.composer.theory import Chord, nearest
from demo.score import Note

# Onsets in sixteenth steps over a phrase of two bars, which ends with a breath.
PHRASES: tuple[tuple[int, ...], ...] = (
    (0, 2, 4, 6, 10, 14, 16, 18, 22),
    (2, 4, 6, 8, 12, 16, 20),
    (0, 4, 6, 8, 11, 14, 16, 19, 22),
    (0, 3, 6, 8, 12, 14, 16),
    (4, 6, 8, 10, 12, 14, 16, 18, 20, 24),
    (0, 6, 8, 14, 16, 22),
    (2, 3, 4, 6, 8, 10, 11, 12, 14, 16, 18, 22),
    (0, 8, 12, 16),
)
RAPS: tuple[tuple[int, ...], ...] = (
    (0, 2, 3, 4, 6, 7, 8, 10, 11, 12, 14, 16, 18, 19, 20, 22, 24, 26),
    (1, 2, 4, 5, 6, 8, 10, 12, 13, 14, 16, 17, 18, 20, 22, 23, 24),
    (0, 1, 2, 4, 6, 8, 9, 10, 12, 14, 16, 18, 20, 21, 22, 24),
)
FORM = (0, 0, 1, 0)  # which of two tunes each phrase uses
SHORTEST = 0.16  # seconds; shorter notes are dropped at fast tempos


def draw_melody(
    hand: Hand, *, bars: range, chords: list[Chord], scale: frozenset[int], centre: float,
    words: list[str] | None = None, rap: bool = False,
) -> list[Note]:  # fmt: skip
    """A melody over `bars` in phrases of two bars, each followed by a breath.

    Args:
        chords: the chord of every bar of the song.
        scale: pitch classes that may be sung between chord tones.
        centre: middle of the range, MIDI.
        words: syllables, sung in turn; a tune that returns has the same ones.
        rap: speak in rhythm around a low pitch.
    """
    rng, clock = hand.rng, hand.clock
    phrases = RAPS if rap else PHRASES
    reach = 3 if rap else 9
    middle = round(centre) - (5 if rap else 0)
    ladder = [p for p in range(middle - reach, middle + reach + 1) if rap or p % 12 in scale]
    picks = rng.permutation(len(phrases))[:2]
    moves = rng.choice([-2, -1, -1, 0, 1, 1, 2], size=(2, 32))
    notes: list[Note] = []
    starts = len(ladder) // 2 + rng.integers(-2, 3, size=2)
    for number, first in enumerate(range(bars.start, bars.stop, 2)):
        tune = FORM[number % len(FORM)]
        place = int(starts[tune])
        space = clock.steps * min(2, bars.stop - first)
        onsets = _thin([s for s in phrases[picks[tune]] if s < space - 2], clock.step)
        ends = [*onsets[1:], min(onsets[-1] + int(rng.integers(4, 9)), space)]
        for k, (step, end) in enumerate(zip(onsets, ends, strict=True)):
            place = int(np.clip(place + moves[tune, k], 0, len(ladder) - 1))
            bar, pitch = first + step // clock.steps, ladder[place]
            if not rap and (step % clock.beat == 0 or k == len(onsets) - 1):
                tones = [nearest(tone, pitch) for tone in chords[bar].tones[:3]]
                pitch = min(tones, key=lambda tone, at=pitch: abs(tone - at))  # type: ignore[misc]
            text = words[(tune * 16 + k) % len(words)] if words else ""
            length = 0.96 * (min(end, step + 10) - step)
            velocity = 0.9 if step % clock.beat == 0 else 0.75
            notes.append(hand.note(bar, step % clock.steps, length=length, pitch=pitch,
                                   velocity=velocity, text=text))  # fmt: skip
    return notes


def _thin(onsets: list[int], step: float) -> list[int]:
    """Drop onsets that follow the previous one too soon."""
    kept = onsets[:1] or [0]
    for onset in onsets[1:]:
        if (onset - kept[-1]) * step >= SHORTEST:
            kept.append(onset)
    return kept


def harmonise(notes: list[Note], scale: frozenset[int], *, degrees: int) -> tuple[Note, ...]:
    """A second voice, `degrees` of the scale above the first, or below it if negative."""
    ladder = [pitch for pitch in range(20, 110) if pitch % 12 in scale]

    def second(pitch: float) -> int:
        """The pitch (MIDI) that is `degrees` away from the scale tone nearest to `pitch`."""
        at = min(range(len(ladder)), key=lambda k: abs(ladder[k] - pitch))
        return ladder[at + degrees]

    return tuple(replace(note, pitch=second(note.pitch)) for note in notes)
