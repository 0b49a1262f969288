"""Basses follow the chords within their range, in their sections."""

import numpy as np
import pytest

from demo.composer.bassline import APPROACH, STYLES, STYLES_OF_12, draw_bass
from demo.composer.genres import GENRES, Genre
from demo.composer.theory import parse_chord
from demo.instruments.bass import BASSES
from demo.score import METERS, Note
from tests.demo.composer.songs import hand, section, song

CHORDS = [parse_chord(x, 2, "major") for x in ("I", "V", "vi", "IV") * 2]


def only(style: str) -> Genre:
    """A genre with one style."""
    return Genre(**{**GENRES["pop-rock"].__dict__, "bass": (style,)})


def line(style: str, seed: int, *, meter: str = "4/4", bars: int = 8) -> tuple[Note, ...]:
    return draw_bass(
        hand(seed, meter=meter), only(style), (section(bars),), CHORDS, low=28, high=55
    )


@pytest.mark.parametrize("genre", GENRES)
def test_every_genre_names_styles_and_instruments_there_are(genre: str) -> None:
    assert set(GENRES[genre].bass) <= set(STYLES)
    assert set(GENRES[genre].basses) <= set(BASSES)


@pytest.mark.parametrize("style", STYLES)
def test_each_bar_begins_on_the_root_and_stays_in_the_bar(style: str) -> None:
    for meter in METERS:
        for seed in range(5):
            notes = line(style, seed, meter=meter)
            clock = hand(meter=meter).clock
            for bar, chord in enumerate(CHORDS):
                here = [n for n in notes if bar - 1e-6 < n.start / clock.bar < bar + 1 - 1e-6]
                assert here and here[0].pitch % 12 == chord.low, (meter, seed, bar)
                assert all(n.start + n.duration <= (bar + 1) * clock.bar + 1e-9 for n in here)


@pytest.mark.parametrize("meter", STYLES_OF_12)
@pytest.mark.parametrize("style", STYLES)
def test_bars_of_twelve_have_styles_of_their_own(style: str, meter: str) -> None:
    """In any genre: dotted quarters in 6/8, a dotted half or a half in 3/4."""
    expected = {"6/8": {(0, 6, 10), (0, 6)}, "3/4": {(0,), (0, 8)}}[meter]
    clock = hand(meter=meter).clock
    heard = set()
    for seed in range(20):
        steps = np.rint([n.start / clock.step for n in line(style, seed, meter=meter)]).astype(int)
        bars = {tuple((steps[steps // 12 == bar] % 12).tolist()) for bar in range(8)}
        assert len(bars) == 1, seed  # one style a section
        heard |= bars
    assert heard == expected


def test_every_meter_of_twelve_steps_has_styles() -> None:
    assert {meter for meter, steps in METERS.items() if steps == 12} == set(STYLES_OF_12)


@pytest.mark.parametrize("style", STYLES)
def test_all_but_the_last_note_of_a_bar_belong_to_the_chord(style: str) -> None:
    clock = hand().clock
    for seed in range(20):
        for bar, chord in enumerate(CHORDS):
            here = [n for n in line(style, seed) if int(n.start / clock.bar + 1e-6) == bar]
            assert all(n.pitch % 12 in chord.tones for n in here[:-1]), (seed, bar)


def test_last_notes_lead_into_the_next_chord() -> None:
    """A share of last notes is a semitone below the next root, or one or two above it."""
    clock = hand().clock
    led = []
    for seed in range(100):
        notes = line("octave", seed)
        for bar, chord in enumerate(CHORDS[:-1]):
            last = [n for n in notes if int(n.start / clock.bar + 1e-6) == bar][-1]
            if last.pitch % 12 not in chord.tones:
                led.append(True)
                assert (last.pitch - CHORDS[bar + 1].low) % 12 in (11, 1, 2)
            else:
                led.append(False)
    # Some of those notes also belong to the current chord.
    assert 0.5 * APPROACH < np.mean(led) < APPROACH + 0.05


def test_the_last_bar_leads_nowhere() -> None:
    for seed in range(40):
        final = line("eighths", seed)[-8:]
        assert {n.pitch % 12 for n in final} == {CHORDS[-1].low}


@pytest.mark.parametrize("index", range(60))
def test_notes_stay_in_the_range_of_the_instrument_and_in_active_sections(index: int) -> None:
    score, _ = song("train", index)
    bass = BASSES[score.bass_kind]
    assert score.bass_kind in GENRES[score.genre].basses
    assert all(bass.low <= n.pitch <= bass.high and n.duration > 0.05 for n in score.bass)
    playing = [s for s in score.sections if "bass" in s.active]
    spans = [(score.clock.at(s.first_bar, 0), score.clock.at(s.bars().stop, 0)) for s in playing]
    assert all(any(a - 0.06 < n.start < b for a, b in spans) for n in score.bass)


def test_a_narrow_instrument_gets_the_same_tune_in_other_octaves() -> None:
    wide = line("octave", 3)
    narrow = draw_bass(hand(3), only("octave"), (section(8),), CHORDS, low=40, high=51)
    assert [n.pitch % 12 for n in narrow] == [n.pitch % 12 for n in wide]
    assert all(40 <= n.pitch <= 51 for n in narrow)
