"""Notes played separately, and notes played as one line."""

import numpy as np

from demo.dsp import SAMPLE_RATE, Audio
from demo.instruments.playing import LINE, TOUCH, each, line, ping, voices_of
from demo.score import Note
from demo.splits import Knobs, Rng

KNOBS = {name: (low + high) / 2 for name, (low, high) in LINE.items()}
SECOND = SAMPLE_RATE


def cents(hertz: Audio, pitch: float) -> Audio:
    return 1200 * np.log2(hertz / 440) - 100 * (pitch - 69)


def follow(notes: tuple[Note, ...], **changes: float) -> tuple[Audio, Audio]:
    played = line(notes, 3 * SECOND, KNOBS | changes, np.random.default_rng(0))
    return played.hertz, played.level


def test_each_note_has_its_own_velocity() -> None:
    heard: list[float] = []

    def tone(rng: Rng, note: Note, n: int, knobs: Knobs) -> Audio:
        heard.append(note.velocity)
        return np.full((2, n), note.velocity)

    notes = (Note(0.0, 0.5, 60, 0.3), Note(0.2, 0.5, 60, 0.6), Note(9.0, 1.0, 60, 0.9))
    out = each(tone)(notes, SECOND, {"release": 0.01}, np.random.default_rng(0))
    assert heard == [0.3, 0.6]  # the note past the end costs nothing
    np.testing.assert_allclose(out[:, 100 + SECOND // 5 : SECOND // 2], 0.9)
    assert not out[:, int(0.72 * SECOND) :].any()


def test_a_voice_plays_one_note_at_a_time() -> None:
    notes = (Note(0.0, 2.0, 60, 0.5), Note(1.0, 0.5, 64, 0.5), Note(1.001, 0.5, 67, 0.5))
    spans = [(a, b, note.pitch) for a, b, note in voices_of(notes, 10 * SECOND)]
    assert spans == [(0, int(1.001 * SECOND), 60), (int(1.001 * SECOND), int(1.501 * SECOND), 67)]
    assert voices_of((Note(5.0, 1.0, 60, 0.5),), SECOND) == []


def test_touching_notes_glide_and_do_not_stop() -> None:
    notes = (Note(0.0, 1.0, 60, 0.8), Note(1.0, 1.0, 72, 0.8))
    hertz, level = follow(notes, vibrato=0.0, glide=0.1)
    around = slice(int(0.9 * SECOND), int(1.2 * SECOND))
    between = (cents(hertz, 60) > 100) & (cents(hertz, 72) < -100)
    assert 0.02 < between[around].sum() / SECOND < 0.15
    assert level[around].min() > 0.3
    assert np.abs(cents(hertz[int(0.3 * SECOND) : int(0.9 * SECOND)], 60)).max() < 25


def test_separate_notes_stop_and_start_again() -> None:
    notes = (Note(0.0, 1.0, 60, 0.8), Note(1.0 + TOUCH + 0.2, 1.0, 72, 0.8))
    hertz, level = follow(notes, vibrato=0.0, scoop=0.0, release=0.05)
    assert level[int(1.2 * SECOND)] < 0.01
    start = int((1.01 + TOUCH + 0.2) * SECOND)
    assert abs(cents(hertz[start], 72)) < 25  # no slide


def test_vibrato_sets_in_late() -> None:
    notes = (Note(0.0, 3.0, 60, 0.8),)
    hertz, _ = follow(notes, vibrato=40.0, vibrato_delay=0.5, scoop=0.0)
    early, late = hertz[int(0.1 * SECOND) : SECOND // 2], hertz[int(1.2 * SECOND) :]
    assert np.ptp(cents(late, 60)) > 2 * np.ptp(cents(early, 60))
    assert 40 < np.ptp(cents(late, 60)) < 160


def test_nothing_jumps() -> None:
    notes = tuple(Note(0.13 * i, 0.11, 60 + 7 * (i % 3), 0.4 + 0.3 * (i % 2)) for i in range(20))
    played = line(notes, 3 * SECOND, KNOBS, np.random.default_rng(0))
    for curve in (played.level, played.sway, ping(played, 0.2)):
        assert np.abs(np.diff(curve)).max() < 0.02
    assert 0.2 < played.level.max() <= 0.7


def test_no_notes_and_very_short_ones() -> None:
    _, level = follow(())
    assert not level.any()
    hertz, level = follow((Note(0.1, 0.0, 60, 1.0), Note(2.999, 1.0, 64, 1.0)))
    assert np.isfinite(hertz).all() and np.isfinite(level).all()
