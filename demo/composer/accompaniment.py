"""The parts of the stem `other`: rhythmic chords, arpeggios and melodies."""

from collections.abc import Mapping

import numpy as np

from demo.composer.genres import Genre
from demo.composer.melody import draw_melody
from demo.composer.players import Hand
from demo.composer.theory import Chord, into_range, nearest, strings, voicing
from demo.instruments.instrument import Instrument
from demo.score import Layer, Note, Section

# (first step, length in steps) of each chord in a bar.
RHYTHMS: dict[str, tuple[tuple[int, float], ...]] = {
    "hold": ((0, 16),),
    "halves": ((0, 8), (8, 8)),
    "push": ((0, 6), (6, 10)),
    "charleston": ((0, 3), (6, 3), (11, 3)),
    "chop": ((2, 1), (3, 1), (6, 1.2), (10, 1), (11, 1), (14, 1.2)),
    "stabs": ((0, 1.5), (7, 1.2), (10, 3)),
    "skank": ((4, 1.5), (12, 1.5)),
    "skank16": ((2, 1), (4, 1.5), (6, 1), (10, 1), (12, 1.5), (14, 1)),
    "bossa": ((0, 2), (3, 2), (6, 3), (10, 2), (13, 2)),
    "strum": ((0, 4), (4, 2), (6, 2), (8, 4), (12, 2), (14, 2)),
    "eighths": tuple((step, 2) for step in range(0, 16, 2)),
    "sixteenths": tuple((step, 1) for step in range(16) if step % 4 != 1),
    "power": ((0, 6), (6, 4), (10, 6)),
    "power8": tuple((step, 1.8) for step in range(0, 16, 2)),
}
RHYTHMS_OF_12: dict[str, tuple[tuple[int, float], ...]] = {
    "6/8": ((0, 4), (4, 2), (6, 4), (10, 2)),
    "3/4": ((0, 4), (4, 4), (8, 4)),
}
GUITARS = ("acoustic", "nylon", "clean", "overdriven", "muted")
FINGERS = 0.001  # seconds between fingers that strike together
_LOW_HAND = ("piano", "epiano", "organ", "pad", "strings")
SOLO_SHARE, SOLO_GUITARS, SOLO_SECTIONS = 0.5, 0.6, 0.7
SOLOISTS = ("violin", "sax", "flute", "lead")
COUNTS = (0.10, 0.27, 0.33, 0.20, 0.10)  # shares of songs of one, two, ... layers


def draw_layers(
    hand: Hand, genre: Genre, sections: tuple[Section, ...], chords: list[Chord],
    scale: frozenset[int], instruments: Mapping[str, Instrument], *, vocal_centre: float,
) -> tuple[Layer, ...]:  # fmt: skip
    """Choose one to five instruments; the first plays wherever `other` does."""
    rng = hand.rng
    count = 1 + int(rng.choice(len(COUNTS), p=COUNTS))
    layers = []
    for number, pick in enumerate(rng.permutation(len(genre.layers))[:count]):
        kind, rhythm = genre.layers[pick]
        centre = float(rng.uniform(52, 68))
        if rhythm == "melody":  # in the singer's range, if the instrument reaches it
            reach = instruments[kind].low + 12, instruments[kind].high - 12
            centre = float(np.clip(vocal_centre, *reach))
        low_hand = kind in _LOW_HAND and rng.random() < 0.8
        notes: list[Note] = []
        for section in sections:
            if "other" not in section.active or (number and rng.random() < 0.2):
                continue
            if rhythm == "melody":
                notes += draw_melody(hand, bars=section.bars(), chords=chords, scale=scale,
                                     centre=centre)  # fmt: skip
                continue
            for bar in section.bars():
                notes += _comp(hand, bar, chords[bar], kind, rhythm, centre)
                if low_hand:
                    notes.append(hand.note(bar, 0, length=8, velocity=0.7,
                                           pitch=nearest(chords[bar].low, 40)))  # fmt: skip
        layers.append(Layer(kind, _within(notes, instruments[kind])))
    return tuple(layers)


def draw_solo(
    hand: Hand, sections: tuple[Section, ...], chords: list[Chord], scale: frozenset[int],
    instruments: Mapping[str, Instrument], *, vocal_centre: float,
) -> tuple[Layer, ...]:  # fmt: skip
    """In SOLO_SHARE of songs one more layer: a melody near the singer's range, often a guitar's.

    It plays in some of the sections, against the singer or alone.
    """
    rng = hand.rng
    if rng.random() >= SOLO_SHARE:
        return ()
    kind = "solo" if rng.random() < SOLO_GUITARS else str(rng.choice(SOLOISTS))
    low, high = instruments[kind].low + 12, instruments[kind].high - 12
    centre = float(np.clip(vocal_centre + rng.uniform(-7, 12), low, high))
    notes: list[Note] = []
    for section in sections:
        if "other" in section.active and rng.random() < SOLO_SECTIONS:
            notes += draw_melody(hand, bars=section.bars(), chords=chords, scale=scale,
                                 centre=centre)  # fmt: skip
    return (Layer(kind, _within(notes, instruments[kind])),)


def _within(notes: list[Note], instrument: Instrument) -> tuple[Note, ...]:
    return tuple(
        Note(x.start, x.duration, into_range(int(x.pitch), instrument.low, instrument.high),
             x.velocity)
        for x in notes
    )  # fmt: skip


def _comp(hand: Hand, bar: int, chord: Chord, kind: str, rhythm: str, centre: float) -> list[Note]:
    """One bar of accompaniment: chords in `rhythm`, or an arpeggio."""
    pitches = _pitches(chord, kind, rhythm, centre)
    steps = hand.clock.steps
    if rhythm in ("arp", "arp16"):
        order = [*pitches, *pitches[-2:0:-1]]
        stride, beat = 1 if rhythm == "arp16" else 2, hand.clock.beat
        return [
            hand.note(bar, step, length=2 * stride, velocity=0.75 if step % beat else 0.95,
                      pitch=order[(step // stride) % len(order)])
            for step in range(0, steps, stride)
        ]  # fmt: skip
    notes = []
    spread = hand.rng.uniform(0.008, 0.030) / 5 if kind in GUITARS else 0.002
    in_12 = RHYTHMS_OF_12.get(hand.clock.meter) if rhythm != "hold" else None
    for count, (step, length) in enumerate(in_12 or RHYTHMS[rhythm]):
        late = hand.error()
        down = count % 2 == 0 or rhythm in ("hold", "halves", "power")
        played = pitches if down else pitches[::-1][: max(3, len(pitches) - 2)]
        velocity = 0.92 if step % (2 * hand.clock.beat) == 0 else 0.7
        notes += [
            hand.note(bar, step, length=min(length, steps - step), pitch=pitch,
                      velocity=velocity, late=late + k * spread + hand.rng.normal(0, FINGERS))
            for k, pitch in enumerate(played)
        ]  # fmt: skip
    return notes


def _pitches(chord: Chord, kind: str, rhythm: str, centre: float) -> list[int]:
    """The pitches of one chord: a power chord, a guitar's strings or a close voicing."""
    if rhythm.startswith("power"):
        root = nearest(chord.tones[0], 45)
        return [root, root + 7, root + 12]
    if kind in GUITARS and rhythm not in ("chop", "skank", "sixteenths"):
        return strings(chord, 40)
    return voicing(chord, float(np.clip(centre, 52, 70)))
