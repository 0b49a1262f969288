"""Composes a song: form, drums, bass, accompaniment and melody."""

import numpy as np

from demo.genres import BASS, GENRES, RHYTHMS, VELOCITY, Genre
from demo.melody import SCALES, chord, nearest, sing, voicing
from demo.score import STEMS, STEPS_PER_BAR, Clock, Layer, Note, Score, Section
from demo.splits import Palette

Chords = list[tuple[int, ...]]


def compose(
    palette: Palette, rng: np.random.Generator, *, seconds: float, vocal_centre: float
) -> Score:
    """Return a song of at least `seconds` whose melody lies around `vocal_centre` (MIDI)."""
    genre = GENRES[rng.integers(len(GENRES))]
    tempo = palette.tempo(*genre.tempo)
    clock = Clock(tempo, genre.swing, palette.draw("score.jitter", 0.004, 0.012))
    mode = "minor" if rng.random() < genre.minor else "major"
    tonic, progression = palette.tonic(), palette.progression(mode)
    n_bars = int(np.ceil(seconds / clock.bar))
    size = 4 if rng.random() < 0.3 else 3
    chords = [chord(tonic, mode, progression[b % len(progression)], size) for b in range(n_bars)]
    sections = _form(rng, n_bars)
    scale = frozenset((tonic + s) % 12 for s in SCALES[mode])
    vocals: list[Note] = []
    for section in sections:
        if "vocals" in section.active:
            vocals += sing(
                rng, clock, bars=section.bars(), chords=chords, scale=scale, centre=vocal_centre
            )
    return Score(
        genre.name, clock, tonic, mode, progression, sections,
        drums=_drums(rng, genre, clock, sections),
        bass=_bass(rng, genre, clock, sections, chords),
        layers=_layers(rng, genre, clock, sections, chords, vocal_centre),
        vocals=tuple(vocals),
    )  # fmt: skip


def _form(rng: np.random.Generator, n_bars: int) -> tuple[Section, ...]:
    """Cut the song in up to three sections; a stem may rest in one, and at most one rests."""
    n_sections = min(3 if n_bars >= 9 else 2, max(1, n_bars // 2))
    cuts = [2 * round(n_bars * k / n_sections / 2) for k in range(n_sections)] + [n_bars]
    silent: list[str | None] = [None] * n_sections
    if n_sections > 1:
        for place in rng.permutation(n_sections)[: n_sections - 1]:
            resting = [s for s in STEMS if s not in silent]
            silent[place] = str(rng.choice(resting)) if rng.random() < 0.5 else None
    return tuple(
        Section(a, b - a, frozenset(s for s in STEMS if s != mute))
        for a, b, mute in zip(cuts[:-1], cuts[1:], silent, strict=True)
    )


def _note(
    rng: np.random.Generator, clock: Clock, bar: int, step: int,
    *, length: float, pitch: float, velocity: float, text: str = "", late: float = 0.0,
) -> Note:  # fmt: skip
    """Place a note on the grid the way a player would: a little off in time and force."""
    start = clock.at(bar, step) + late + rng.normal(0, clock.jitter)
    force = float(np.clip(velocity * (1 + rng.normal(0, 0.1)), 0.05, 1.0))
    return Note(max(float(start), 0.0), length * clock.step, pitch, force, text)


def _drums(
    rng: np.random.Generator, genre: Genre, clock: Clock, sections: tuple[Section, ...]
) -> tuple[Note, ...]:
    notes: list[Note] = []
    for section in sections:
        if "drums" not in section.active:
            continue
        kick = genre.kicks[rng.integers(len(genre.kicks))]
        hats = genre.hats[rng.integers(len(genre.hats))]
        grids = {"kick": kick, genre.backbeat_drum: genre.backbeat, "hat": hats,
                 "open": genre.open_hat}  # fmt: skip
        for bar in section.bars():
            last = bar == section.bars()[-1] or (bar - section.first_bar) % 4 == 3
            fill_from = int(rng.choice([8, 10, 12])) if last and rng.random() < 0.75 else 16
            if bar == section.first_bar:
                notes.append(_note(rng, clock, bar, 0, length=16, pitch=0, velocity=0.8,
                                   text="crash"))  # fmt: skip
            for drum, grid in grids.items():
                for step, letter in enumerate(grid):
                    busy = step >= fill_from and drum != "kick"
                    ghost = drum == "snare" and letter == "." and rng.random() < 0.06
                    if busy or (letter == "." and not ghost):
                        continue
                    velocity = VELOCITY["g"] if ghost else VELOCITY[letter]
                    notes.append(_note(rng, clock, bar, step, length=1, pitch=0,
                                       velocity=velocity, text=drum))  # fmt: skip
            for step in range(fill_from, STEPS_PER_BAR):
                if rng.random() < 0.75:
                    drum = str(rng.choice(["snare", "tom1", "tom2", "tom3"]))
                    notes.append(_note(rng, clock, bar, step, length=1, pitch=0,
                                       velocity=rng.uniform(0.5, 0.95), text=drum))  # fmt: skip
    return tuple(notes)


def _bass(
    rng: np.random.Generator, genre: Genre, clock: Clock, sections: tuple[Section, ...],
    chords: Chords,
) -> tuple[Note, ...]:  # fmt: skip
    notes: list[Note] = []
    centre = rng.uniform(33, 39)
    for section in sections:
        if "bass" not in section.active:
            continue
        style = BASS[genre.bass[rng.integers(len(genre.bass))]]
        for bar in section.bars():
            root = nearest(chords[bar][0], centre)
            tones = {"r": root, "o": root + 12, "t": nearest(chords[bar][1], root + 4),
                     "f": nearest(chords[bar][2], root + 7)}  # fmt: skip
            for step, length, tone in style:
                pitch = tones[tone]
                if bar + 1 < len(chords) and step >= 14 and rng.random() < 0.4:
                    pitch = nearest(chords[bar + 1][0], root) + int(rng.choice([-1, 1, 2]))
                velocity = 0.95 if step == 0 else 0.8
                notes.append(_note(rng, clock, bar, step, length=length, pitch=pitch,
                                   velocity=velocity))  # fmt: skip
    return tuple(notes)


def _layers(
    rng: np.random.Generator, genre: Genre, clock: Clock, sections: tuple[Section, ...],
    chords: Chords, vocal_centre: float,
) -> tuple[Layer, ...]:  # fmt: skip
    """Choose one to three instruments; the first plays throughout, the others come and go."""
    count = int(rng.choice([1, 2, 3], p=[0.15, 0.45, 0.4]))
    layers = []
    for number, pick in enumerate(rng.permutation(len(genre.layers))[:count]):
        instrument, rhythm = genre.layers[pick]
        centre = vocal_centre if rhythm == "melody" else rng.uniform(55, 68)
        low_hand = instrument in ("piano", "organ", "pad", "pluck") and rng.random() < 0.75
        notes: list[Note] = []
        for section in sections:
            if "other" not in section.active or (number and rng.random() < 0.2):
                continue
            for bar in section.bars():
                notes += _comp(rng, clock, bar, chords[bar], rhythm, centre,
                               strum=0.018 if instrument == "pluck" else 0.003)  # fmt: skip
                if low_hand:
                    notes.append(_note(rng, clock, bar, 0, length=8, velocity=0.7,
                                       pitch=nearest(chords[bar][0], 41)))  # fmt: skip
        layers.append(Layer(instrument, tuple(notes)))
    return tuple(layers)


def _comp(
    rng: np.random.Generator, clock: Clock, bar: int, pitch_classes: tuple[int, ...], rhythm: str,
    centre: float, *, strum: float,
) -> list[Note]:  # fmt: skip
    """Return one bar of accompaniment: chords in `rhythm`, an arpeggio or a free melody."""
    pitches = voicing(pitch_classes, centre)
    if rhythm == "arp":
        order = [*pitches, *pitches[-2:0:-1]]
        return [
            _note(rng, clock, bar, step, length=4, velocity=0.8 if step % 4 else 0.95,
                  pitch=order[(step // 2) % len(order)])
            for step in range(0, STEPS_PER_BAR, 2)
        ]  # fmt: skip
    if rhythm == "melody":
        steps = sorted(rng.choice(range(0, STEPS_PER_BAR, 2), size=4, replace=False))
        return [
            _note(rng, clock, bar, int(step), length=float(rng.choice([2, 3, 4])), velocity=0.85,
                  pitch=int(rng.choice(pitches)))
            for step in steps
        ]  # fmt: skip
    return [
        _note(rng, clock, bar, step, length=length, pitch=pitch, late=k * strum,
              velocity=0.9 if step % 8 == 0 else 0.7)
        for step, length in RHYTHMS[rhythm]
        for k, pitch in enumerate(pitches)
    ]  # fmt: skip
