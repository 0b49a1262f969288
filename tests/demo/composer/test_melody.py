"""Melodies stay in key and register, have breaths, and return with their words."""

from itertools import pairwise, product

import numpy as np
import pytest

from demo.composer.melody import PHRASES, RAPS, SHORTEST, draw_melody, harmonise
from demo.composer.theory import parse_chord
from demo.score import METERS, Note
from tests.demo.composer.songs import hand

SCALE = frozenset({0, 2, 4, 5, 7, 9, 11})
CHORDS = [parse_chord(x, 0, "major") for x in ("I", "V", "vi", "IV") * 2]
WORDS = [f"w{k}" for k in range(32)]


def tune(seed: int, *, bars: int = 8, rap: bool = False, meter: str = "4/4", bpm: float = 96.0,
         centre: float = 60.0) -> list[Note]:  # fmt: skip
    return draw_melody(hand(seed, meter=meter, bpm=bpm), bars=range(bars), chords=CHORDS,
                       scale=SCALE, centre=centre, words=WORDS, rap=rap)  # fmt: skip


def phrases(notes: list[Note], *, bpm: float = 96.0, bars: int = 2) -> list[list[Note]]:
    length = bars * hand(bpm=bpm).clock.bar
    count = 1 + max(int((n.start + 1e-6) / length) for n in notes)
    return [[n for n in notes if int((n.start + 1e-6) / length) == k] for k in range(count)]


@pytest.mark.parametrize("onsets", [*PHRASES, *RAPS])
def test_phrases_ascend_in_two_bars_and_leave_room_to_breathe(onsets: tuple[int, ...]) -> None:
    assert onsets[0] >= 0 and onsets[-1] <= 28
    assert all(a < b for a, b in pairwise(onsets))


@pytest.mark.parametrize("centre", [51.0, 60.4, 69.0])
def test_tunes_are_in_the_scale_or_the_chord_and_around_the_centre(centre: float) -> None:
    clock = hand(bpm=96).clock
    pitches = []
    for seed in range(40):
        for note in tune(seed, centre=centre):
            chord = CHORDS[int(note.start / clock.bar + 1e-6)]
            on_beat = round(note.start / clock.step) % 4 == 0
            allowed = set(chord.tones) if on_beat else SCALE | set(chord.tones)
            assert note.pitch % 12 in allowed, (seed, note)
            assert abs(note.pitch - centre) <= 12.5, (seed, note)
            pitches.append(note.pitch)
    assert np.mean(pitches) == pytest.approx(centre, abs=1.5)
    assert np.std(pitches) > 2.5


def test_foreign_chords_bend_the_tune() -> None:
    chords = [parse_chord("iv", 0, "major")] * 8
    notes = draw_melody(hand(1), bars=range(8), chords=chords, scale=SCALE, centre=60.0)
    assert any(note.pitch % 12 == 8 for note in notes)  # the Ab of F minor in C major


def test_steps_are_mostly_small() -> None:
    leaps = np.abs([b.pitch - a.pitch for s in range(60) for a, b in pairwise(tune(s))])
    assert np.median(leaps) <= 2 and np.mean(leaps > 7) < 0.03


@pytest.mark.parametrize("bpm", [60.0, 100.0, 140.0, 190.0])
def test_no_note_is_too_short_to_sing(bpm: float) -> None:
    for seed, rap, meter in product(range(25), (False, True), METERS):
        notes = tune(seed, bpm=bpm, rap=rap, meter=meter)
        starts = [n.start for n in notes]
        assert min(np.diff(starts)) >= SHORTEST - 1e-9, (seed, rap, meter)
        assert min(n.duration for n in notes) >= 0.96 * SHORTEST - 1e-9


def test_fast_songs_leave_syllables_out() -> None:
    fast, slow = (np.mean([len(tune(s, bpm=bpm, rap=True)) for s in range(9)]) for bpm in (190, 80))
    assert fast < 0.8 * slow


def test_one_voice_sings_one_note_at_a_time() -> None:
    for seed, rap, meter in product(range(25), (False, True), METERS):
        notes = tune(seed, rap=rap, meter=meter)
        assert all(a.start + a.duration < b.start for a, b in pairwise(notes)), (seed, rap, meter)


@pytest.mark.parametrize("bars", [1, 2, 3, 5, 8])
def test_tunes_end_with_their_section(bars: int) -> None:
    for seed, meter in product(range(20), METERS):
        end = bars * hand(meter=meter, bpm=96).clock.bar
        notes = tune(seed, bars=bars, meter=meter)
        assert notes and max(n.start + n.duration for n in notes) <= end, (seed, meter)


def test_phrases_end_in_a_breath() -> None:
    """Written phrases end before their bars do, by at least two steps."""
    clock = hand(bpm=96).clock
    gaps = []
    for seed in range(40):
        groups = phrases(tune(seed))
        gaps += [b[0].start - a[-1].start - a[-1].duration for a, b in pairwise(groups)]
    assert np.mean(np.array(gaps) > 2 * clock.step) > 0.7


def test_tunes_come_back_with_their_rhythm_and_words() -> None:
    for seed in range(30):
        a, b, c, d = phrases(tune(seed))
        shape = [[(round((n.start - 2 * k * hand(bpm=96).clock.bar) * 1000), n.text) for n in x]
                 for k, x in enumerate((a, b, c, d))]  # fmt: skip
        assert shape[0] == shape[1] == shape[3] != shape[2], seed
        assert [n.text for n in a] == WORDS[: len(a)]
        assert [n.text for n in c] == WORDS[16 : 16 + len(c)]


def test_over_the_same_chords_a_tune_comes_back_note_for_note() -> None:
    """The tune starts on the same degree; only the breath after its last note may differ."""
    chords = [parse_chord(x, 0, "major") for x in ("I", "V") * 4]
    others = 0
    for seed, rap in product(range(30), (False, True)):
        player = hand(seed, bpm=96)
        notes = draw_melody(player, bars=range(8), chords=chords, scale=SCALE, centre=60.0,
                            rap=rap)  # fmt: skip
        a, b, c, d = ([n.pitch for n in phrase] for phrase in phrases(notes))
        assert a == b == d, (seed, rap)
        others += a != c
    assert others > 55


@pytest.mark.parametrize(("meter", "strong"), [("6/8", {0, 6}), ("3/4", {0, 4, 8})])
def test_tunes_of_twelve_lean_on_the_beat(meter: str, strong: set[int]) -> None:
    """Notes on the beat are louder and belong to the chord."""
    clock = hand(meter=meter, bpm=96).clock
    force: dict[int, list[float]] = {}
    for seed in range(60):
        for note in tune(seed, meter=meter):
            bar, step = divmod(round(note.start / clock.step), 12)
            force.setdefault(step, []).append(note.velocity)
            assert step not in strong or note.pitch % 12 in CHORDS[bar].tones, (seed, note)
    assert {step for step, found in force.items() if np.mean(found) > 0.825} == strong


def test_raps_are_dense_low_and_nearly_level() -> None:
    sung, rapped = ([tune(s, rap=rap) for s in range(20)] for rap in (False, True))
    assert np.mean([len(x) for x in rapped]) > 1.4 * np.mean([len(x) for x in sung])
    pitches = [n.pitch for x in rapped for n in x]
    assert min(pitches) >= 60 - 8 and max(pitches) <= 60 - 2


def test_melodies_without_words_have_no_text() -> None:
    notes = draw_melody(hand(), bars=range(2), chords=CHORDS, scale=SCALE, centre=60.0)
    assert {n.text for n in notes} == {""}


def test_harmony_is_diatonic_and_parallel() -> None:
    lead = tune(3)
    sizes = {2: {3, 4}, 5: {8, 9}, 7: {12}, -2: {-3, -4}, -5: {-8, -9}, -7: {-12}}
    for degrees, intervals in sizes.items():
        second = harmonise(lead, SCALE, degrees=degrees)
        assert {n.pitch % 12 for n in second} <= SCALE
        assert {b.pitch - a.pitch for a, b in zip(lead, second, strict=True)} <= intervals
        assert [(n.start, n.duration, n.text) for n in second] == [
            (n.start, n.duration, n.text) for n in lead
        ]
