"""The bass part: one style per section, on the chords' low tones."""

from demo.composer.genres import Genre
from demo.composer.players import Hand
from demo.composer.theory import Chord, into_range, nearest
from demo.score import Note, Section

# (first step, length in steps, tone): r root, t third, f fifth, o octave.
STYLES: dict[str, tuple[tuple[int, float, str], ...]] = {
    "eighths": tuple((step, 1.9, "r") for step in range(0, 16, 2)),
    "octave": tuple((step, 1.6, "ro"[(step // 2) % 2]) for step in range(0, 16, 2)),
    "offbeat": tuple((step, 1.7, "r") for step in range(2, 16, 4)),
    "walking": ((0, 3.8, "r"), (4, 3.8, "t"), (8, 3.8, "f"), (12, 3.8, "t")),
    "sync": ((0, 2.8, "r"), (3, 1.5, "r"), (6, 2, "o"), (10, 2.5, "f"), (13, 2.6, "r")),
    "dub": ((0, 2.6, "r"), (6, 1.8, "f"), (8, 1.8, "r"), (10, 1.8, "t"), (12, 3.5, "r")),
    "bossa": ((0, 5.8, "r"), (6, 1.9, "f"), (8, 5.8, "f"), (14, 1.9, "r")),
    "long": ((0, 9.5, "r"), (10, 5.5, "f")),
    "halves": ((0, 7.5, "r"), (8, 5.5, "r"), (14, 1.8, "f")),
}
STYLES_OF_12: dict[str, tuple[tuple[tuple[int, float, str], ...], ...]] = {
    "6/8": (((0, 5.6, "r"), (6, 3.8, "f"), (10, 1.9, "r")), ((0, 5.8, "r"), (6, 5.8, "r"))),
    "3/4": (((0, 11.0, "r"),), ((0, 7.5, "r"), (8, 3.8, "f"))),
}
APPROACH = 0.4  # how often the last note leads into the next chord


def draw_bass(
    hand: Hand, genre: Genre, sections: tuple[Section, ...], chords: list[Chord],
    *, low: int, high: int,
) -> tuple[Note, ...]:  # fmt: skip
    """The bass part between the pitches `low` and `high` (MIDI)."""
    rng = hand.rng
    centre = rng.uniform(33, 39)
    notes: list[Note] = []
    for section in sections:
        if "bass" not in section.active:
            continue
        style = STYLES[str(rng.choice(genre.bass))]
        if hand.clock.meter in STYLES_OF_12:
            options = STYLES_OF_12[hand.clock.meter]
            style = options[int(rng.integers(len(options)))]
        for bar in section.bars():
            chord = chords[bar]
            root = nearest(chord.low, centre)
            tones = {"r": root, "o": root + 12, "t": nearest(chord.tones[1], root + 4),
                     "f": nearest(chord.tones[2], root + 7)}  # fmt: skip
            for step, length, tone in style:
                pitch = tones[tone]
                follows = bar + 1 < len(chords) and step == style[-1][0]
                if follows and step and rng.random() < APPROACH:
                    pitch = nearest(chords[bar + 1].low, root) + int(rng.choice([-1, 1, 2]))
                notes.append(hand.note(bar, step, length=length, velocity=0.8 if step else 0.95,
                                       pitch=into_range(pitch, low, high)))  # fmt: skip
    return tuple(notes)
