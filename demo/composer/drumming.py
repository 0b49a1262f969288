"""The drum part: one groove per section, fills, ghost notes and percussion."""

import numpy as np

from demo.composer.genres import GROOVES_OF_12, VELOCITY, Genre, Groove
from demo.composer.players import Hand
from demo.score import Note, Section

PERCUSSION_SHARE = 0.25  # of songs with shaker, tambourine or congas as well
_PERCUSSION = {
    "tambourine": ("....x.......x...", "x.o.x.o.x.o.x.o."),
    "shaker": ("xoxoxoxoxoxoxoxo", "o.x.o.x.o.x.o.x."),
    "conga_high": ("..x....x..x....x", "x..x..x...x..x.."),
    "conga_low": ("......x.......xx", "....x.......x.x."),
}
FILL_SHARE = 0.75  # of fourth and last bars
LIMBS = 0.002  # seconds between hands and feet that strike together
GHOST_SHARE = 0.06  # of empty steps of the snare


def draw_drums(hand: Hand, genre: Genre, sections: tuple[Section, ...]) -> tuple[Note, ...]:
    """The notes of all pieces of the kit; `Note.text` names the piece."""
    rng, steps = hand.rng, hand.clock.steps
    groove = GROOVES_OF_12.get(hand.clock.meter, genre.groove)
    shaken = [piece for piece in _PERCUSSION if rng.random() < 0.45]
    shaken = shaken if rng.random() < PERCUSSION_SHARE else []
    notes: list[Note] = []
    for section in sections:
        if "drums" not in section.active:
            continue
        grids = _draw_grids(rng, groove)
        for piece in shaken:
            grids[piece] = str(rng.choice(_PERCUSSION[piece]))
        for bar in section.bars():
            last = bar == section.bars()[-1] or (bar - section.first_bar) % 4 == 3
            fills = last and section.n_bars > 1 and rng.random() < FILL_SHARE
            fill_from = steps - int(rng.choice([4, 4, 6, 8])) if fills else steps
            errors = [hand.error() for _ in range(steps)]
            if bar == section.first_bar and "crash" not in grids and rng.random() < 0.8:
                notes.append(_hit(hand, bar, 0, errors, "crash", 0.85, length=steps))
            notes += _bar(hand, bar, grids, errors, fill_from)
            notes += _fill(hand, bar, errors, fill_from)
    return tuple(notes)


def _draw_grids(rng: np.random.Generator, groove: Groove) -> dict[str, str]:
    """Choose a grid for each piece in a section; one cymbal keeps the time."""
    cymbal = str(rng.choice(groove.cymbals))
    backbeat_drum = str(rng.choice(groove.backbeat_drums))
    grids = {
        "kick": str(rng.choice(groove.kicks)),
        backbeat_drum: str(rng.choice(groove.backbeats)),
        cymbal: str(rng.choice(groove.hats)),
    }
    if cymbal == "crash":  # on the beat only, since more would cover everything
        grids[cymbal] = "".join(c if k % 4 == 0 else "." for k, c in enumerate(grids[cymbal]))
    if cymbal == "hat":  # where the hat opens, it is not played closed
        grids["open"] = groove.opens
        closed = zip(grids["hat"], groove.opens, strict=True)
        grids["hat"] = "".join("." if opened != "." else letter for letter, opened in closed)
    if cymbal == "ride" and rng.random() < 0.5:
        grids["pedal"] = "....x.......x..."
    return grids


def _hit(
    hand: Hand, bar: int, step: int, errors: list[float], piece: str, velocity: float,
    *, length: float = 1,
) -> Note:  # fmt: skip
    """Strike a piece with the timing error of the step, which all of the drummer's limbs share."""
    late = errors[step] + float(hand.rng.normal(0, LIMBS))
    return hand.note(bar, step, length=length, velocity=velocity, text=piece, late=late)


def _bar(
    hand: Hand, bar: int, grids: dict[str, str], errors: list[float], fill_from: int
) -> list[Note]:
    notes = []
    for piece, grid in grids.items():
        for step, letter in enumerate(grid[: hand.clock.steps]):
            busy = step >= fill_from and piece != "kick"
            ghost = piece == "snare" and letter == "." and hand.rng.random() < GHOST_SHARE
            if busy or (letter == "." and not ghost):
                continue
            velocity = VELOCITY["g"] if ghost else VELOCITY[letter]
            notes.append(_hit(hand, bar, step, errors, piece, velocity))
    return notes


def _fill(hand: Hand, bar: int, errors: list[float], first_step: int) -> list[Note]:
    """A fill of descending toms and snare up to the end of the bar."""
    steps = hand.clock.steps
    notes = []
    for step in range(first_step, steps):
        if hand.rng.random() < 0.75:
            place = (step - first_step) / (steps - first_step)
            order = ("snare", "tom1", "tom2", "tom3")
            piece = order[int(np.clip(4 * place + hand.rng.uniform(-0.7, 0.7), 0, 3))]
            velocity = hand.rng.uniform(0.5, 0.95)
            notes.append(_hit(hand, bar, step, errors, piece, velocity))
    return notes
