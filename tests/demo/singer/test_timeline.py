from itertools import pairwise

import numpy as np
import pytest

from demo.dsp import SAMPLE_RATE
from demo.score import Note
from demo.singer.performance import RATE, perform
from demo.singer.timeline import lay_out
from demo.singer.vocals import RANGES

KNOBS = {name: (low + high) / 2 for name, (low, high) in RANGES.items()} | {"growl": 0.0}


def _melody(gap: float) -> list[Note]:
    return [
        Note(0.6 + gap * k, min(0.9 * gap, 0.4), 60.0 + k, 0.8, "s.t.r-a.I-n.d") for k in range(6)
    ]


@pytest.mark.parametrize("gap", [0.05, 0.2, 0.6, 2.0])
def test_vowels_fall_on_the_notes_and_nothing_overlaps(gap: float) -> None:
    notes = _melody(gap)
    syllables, rows = lay_out(notes, 1.0, np.random.default_rng(0))
    for note, row in zip(notes, rows, strict=True):
        assert any(s.piece.voiced == 1.0 and s.start == note.start for s in row)
    flat = [segment for row in rows for segment in row]
    assert all(s.end >= s.start - 1e-9 for s in flat)
    assert all(b.start >= a.end - 1e-9 for a, b in pairwise(flat))
    for note, syllable in zip(notes, syllables, strict=True):
        assert syllable.vowel_end - note.start > 0.3 * note.duration


def test_a_breath_comes_before_a_phrase_only() -> None:
    notes = [Note(t, 0.4, 60.0, 0.8, "n-a-") for t in (1.0, 1.45, 3.0)]
    _, rows = lay_out(notes, 1.0, np.random.default_rng(0))
    inhaled = [row[0].piece.breath > 0 and row[0].piece.voiced == 0 for row in rows]
    assert inhaled == [True, False, True]


def test_the_pitch_has_arrived_60_ms_into_the_note() -> None:
    notes = tuple(_melody(0.3))
    knobs = KNOBS | {"scoop": 150.0, "portamento": 0.12}
    curves = perform(notes, 4 * SAMPLE_RATE, knobs, np.random.default_rng(0), sung="sung")
    for note in notes:
        tick = round((note.start + 0.06) * RATE)
        assert abs(curves.pitch[tick : tick + 80] - note.pitch).max() < 0.5


def test_the_first_formant_stays_above_the_pitch() -> None:
    notes = (Note(0.2, 1.0, 76.0, 0.8, "-i-"),)
    curves = perform(notes, SAMPLE_RATE, KNOBS, np.random.default_rng(0), sung="sung")
    f0 = 440 * 2 ** ((curves.pitch[::4] - 69) / 12)
    assert (curves.formants[:, 0] > f0).all()


def test_a_rapper_glides_where_a_singer_holds() -> None:
    notes = (Note(0.2, 0.6, 55.0, 0.8, "-a-"),)
    sway = {}
    for sung in ("sung", "rap"):
        curves = perform(notes, SAMPLE_RATE, KNOBS, np.random.default_rng(3), sung=sung)
        sway[sung] = np.ptp(curves.pitch[round(0.3 * RATE) : round(0.7 * RATE)])
    assert sway["rap"] > 2 * sway["sung"]
