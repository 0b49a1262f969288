"""Layers use existing instruments, within their range and in rhythms that fit the bar."""

from itertools import pairwise, product

import numpy as np
import pytest

from demo.composer import accompaniment
from demo.composer.accompaniment import (
    COUNTS,
    GUITARS,
    RHYTHMS,
    RHYTHMS_OF_12,
    SOLO_SHARE,
    SOLOISTS,
    draw_layers,
    draw_solo,
)
from demo.composer.genres import GENRES, Genre
from demo.composer.theory import parse_chord
from demo.instruments.solo import SOLOS
from demo.parts import OTHERS
from demo.score import METERS, Layer
from tests.demo.composer.songs import hand, section, song, songs

CHORDS = [parse_chord(x, 9, "minor", seventh=True) for x in ("i", "VI", "III", "VII")]
TRIADS = [parse_chord(x, 9, "minor") for x in ("i", "VI", "III", "VII")]
TOGETHER = 0.006  # seconds within which fingers strike; FINGERS is a standard deviation of 1 ms
SCALE = frozenset((9 + step) % 12 for step in (0, 2, 3, 5, 7, 8, 10))


def only(kind: str, rhythm: str) -> Genre:
    """A genre with one layer."""
    return Genre(**{**GENRES["pop-rock"].__dict__, "layers": ((kind, rhythm),)})


def layer(kind: str, rhythm: str, *, meter: str = "4/4", seed: int = 0) -> Layer:
    (found,) = draw_layers(hand(seed, meter=meter), only(kind, rhythm), (section(4),), CHORDS,
                           SCALE, OTHERS, vocal_centre=62.0)  # fmt: skip
    return found


@pytest.mark.parametrize("genre", GENRES)
def test_every_genre_names_instruments_and_rhythms_there_are(genre: str) -> None:
    kinds, rhythms = zip(*GENRES[genre].layers, strict=True)
    assert set(kinds) <= set(OTHERS)
    assert set(rhythms) <= {*RHYTHMS, "arp", "arp16", "melody"}
    assert len(kinds) >= len(COUNTS)


def test_every_instrument_and_rhythm_is_used_by_some_genre() -> None:
    used = {pair for genre in GENRES.values() for pair in genre.layers}
    assert {kind for kind, _ in used} == set(OTHERS) - set(SOLOS)
    assert {rhythm for _, rhythm in used} == {*RHYTHMS, "arp", "arp16", "melody"}


@pytest.mark.parametrize(("rhythm", "meter"), [*product([*RHYTHMS, "arp", "arp16"], METERS)])
def test_every_bar_sounds_and_stays_in_itself(rhythm: str, meter: str) -> None:
    clock = hand(meter=meter).clock
    overhang = 3 * clock.step if rhythm.startswith("arp") else 1e-9  # an arpeggio rings on
    notes = layer("clean", rhythm, meter=meter).notes
    for bar, chord in enumerate(CHORDS):
        here = [n for n in notes if bar <= (n.start + TOGETHER) / clock.bar < bar + 1]
        late = 0.05  # of the last string of a strum
        assert here and {n.pitch % 12 for n in here} <= {*chord.tones}, bar
        assert all(n.start + n.duration <= (bar + 1) * clock.bar + overhang + late for n in here)
        if not rhythm.startswith("power"):
            assert len({n.pitch % 12 for n in here}) >= 3, bar


def test_guitarists_strum_and_pianists_do_not() -> None:
    def spread(kind: str, rhythm: str) -> float:
        starts = np.array([n.start for n in layer(kind, rhythm).notes])
        first = starts[starts < 0.25]
        return float(first.max() - first.min())

    assert 0.006 < spread("acoustic", "strum") < 0.040
    assert spread("organ", "hold") < 0.008


def struck(kind: str, rhythm: str, seed: int) -> list[list[float]]:
    """The starts of each chord's notes, in order, played by an inaccurate hand."""
    player = hand(seed, bpm=60.0, jitter=0.012)  # slow, or a late strum would reach the next step
    (found,) = draw_layers(player, only(kind, rhythm), (section(4),), CHORDS, SCALE, OTHERS,
                           vocal_centre=62.0)  # fmt: skip
    steps: dict[int, list[float]] = {}
    for note in found.notes:
        steps.setdefault(round(note.start / player.clock.step), []).append(note.start)
    return list(steps.values())


def test_a_hand_errs_as_one() -> None:
    chords = [chord for seed in range(20) for chord in struck("brass", "stabs", seed)]
    apart = [max(chord) - min(chord) for chord in chords]
    assert max(apart) < 0.012 and np.percentile(apart, 99) < 0.010
    firsts = np.array([chord[0] / 0.25 for chord in chords])
    errors = (firsts - np.rint(firsts)) * 0.25  # while chords err on their own
    assert np.std(errors) == pytest.approx(0.012, rel=0.15)


def test_strums_go_over_the_strings_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    def strums() -> list[list[float]]:  # but for those that the start of the song cuts
        return [s for seed in range(20) for s in struck("acoustic", "strum", seed) if min(s) > 0]

    along = [np.corrcoef(range(len(strum)), strum)[0, 1] for strum in strums()]
    assert np.mean(np.array(along) > 0.8) > 0.8
    monkeypatch.setattr(accompaniment, "FINGERS", 0.0)
    gaps = [np.diff(strum) for strum in strums()]
    assert len(gaps) > 400
    assert all(gap.min() > 0.0015 and np.ptp(gap) < 1e-9 for gap in gaps)


@pytest.mark.parametrize("meter", RHYTHMS_OF_12)
def test_bars_of_twelve_have_a_rhythm_of_their_own(meter: str) -> None:
    """They do not depend on the genre, except for sustained chords."""
    expected = {"6/8": {0, 4, 6, 10}, "3/4": {0, 4, 8}}[meter]
    for rhythm in RHYTHMS:
        clock = hand(meter=meter).clock
        notes = layer("clean", rhythm, meter=meter).notes
        steps = {round((n.start - 0.01) / clock.step) % 12 for n in notes}  # strums are late
        assert steps == ({0} if rhythm == "hold" else expected), rhythm


@pytest.mark.parametrize(("meter", "strong"), [("6/8", {0, 6}), ("3/4", {0, 4, 8})])
def test_arpeggios_of_twelve_are_accented_on_the_beat(meter: str, strong: set[int]) -> None:
    clock = hand(meter=meter).clock
    force: dict[int, list[float]] = {}
    for note in (
        n for seed in range(20) for n in layer("nylon", "arp", meter=meter, seed=seed).notes
    ):
        force.setdefault(round(note.start / clock.step) % 12, []).append(note.velocity)
    assert set(force) == {*range(0, 12, 2)}
    assert {step for step, found in force.items() if np.mean(found) > 0.85} == strong


def test_strums_alternate_their_direction() -> None:
    notes = [n for n in layer("acoustic", "eighths").notes if n.start < 0.49]
    down, up = notes[: len(notes) // 2 + 1], notes[-3:]
    assert down[0].pitch == min(n.pitch for n in notes)
    assert [n.pitch for n in up] == sorted((n.pitch for n in up), reverse=True)


def test_power_chords_are_fifths() -> None:
    notes = layer("overdriven", "power").notes
    for k in range(0, len(notes), 3):
        root, fifth, octave = (n.pitch for n in notes[k : k + 3])
        assert (fifth - root, octave - root) == (7, 12) and 39 <= root <= 51


@pytest.mark.parametrize("kind", GUITARS)
def test_open_guitar_chords_use_the_low_strings(kind: str) -> None:
    first = [n.pitch for n in layer(kind, "halves").notes if n.start < 0.2]
    assert min(first) <= 51 and len(first) >= 4


def test_keys_mostly_have_a_left_hand() -> None:
    low = [min(n.pitch for n in layer("piano", "halves", seed=seed).notes) for seed in range(80)]
    assert np.mean([pitch <= 46 for pitch in low]) == pytest.approx(0.8, abs=0.15)


def test_instrumental_tunes_lie_around_the_voice() -> None:
    pitches = [n.pitch for seed in range(20) for n in layer("lead", "melody", seed=seed).notes]
    assert np.mean(pitches) == pytest.approx(62, abs=2)
    assert min(pitches) >= 50 and max(pitches) <= 74


@pytest.mark.parametrize("kind", ["flute", "violin", "sax", "lead", "mallet"])
@pytest.mark.parametrize("centre", [51.0, 60.0, 69.0])
def test_instruments_play_tunes_where_they_need_not_fold_them(kind: str, centre: float) -> None:
    """There are no leaps within a phrase, in any register, and few between phrases."""
    clock = hand().clock
    leaps, after_breath = [], []
    for seed in range(120):
        (found,) = draw_layers(hand(seed), only(kind, "melody"), (section(8),), TRIADS * 2, SCALE,
                               OTHERS, vocal_centre=centre)  # fmt: skip
        for a, b in pairwise(found.notes):
            leaps.append(abs(b.pitch - a.pitch) >= 8)
            phrase = [int((note.start + 1e-6) / (2 * clock.bar)) for note in (a, b)]
            after_breath.append(phrase[0] != phrase[1])
    assert np.mean(leaps) < 0.03
    assert not (np.array(leaps) & ~np.array(after_breath)).any()


def test_notes_stay_in_the_range_of_their_instrument() -> None:
    for split, index in product(("train", "test"), range(60)):
        score, _ = song(split, index)
        assert 1 <= len(score.layers) <= len(COUNTS)
        for x in score.layers:
            instrument = OTHERS[x.instrument]
            assert all(instrument.low <= n.pitch <= instrument.high for n in x.notes), x.instrument
            assert all(n.duration > 0.05 and 0 < n.velocity <= 1 for n in x.notes)


def test_numbers_of_layers() -> None:
    counts = [len(score.layers) for split in ("train", "test") for score in songs(split, 150)]
    shares = [counts.count(k + 1) / len(counts) for k in range(len(COUNTS))]
    assert shares == pytest.approx(COUNTS, abs=0.08)


def test_the_first_layer_plays_throughout_and_others_pause() -> None:
    sections = tuple(section(2, first) for first in range(0, 40, 2))
    chords = TRIADS * 10
    layers = draw_layers(hand(4), GENRES["bossa"], sections, chords, SCALE, OTHERS,
                         vocal_centre=62.0)  # fmt: skip
    assert len(layers) >= 2
    length = 2 * hand().clock.bar
    heard = [{int((n.start + 1e-6) / length) for n in x.notes} for x in layers]
    assert heard[0] == set(range(20))
    assert all(8 <= len(x) < 20 for x in heard[1:])


def test_half_of_the_songs_have_a_soloist_who_plays_one_note_at_a_time() -> None:
    sections = (section(4), section(4, 4, frozenset({"drums"})), section(4, 8))
    kinds = []
    for seed in range(200):
        player = hand(seed)
        chords = [CHORDS[bar % 4] for bar in range(12)]
        for found in draw_solo(player, sections, chords, SCALE, OTHERS, vocal_centre=60.0):
            kinds.append(found.instrument)
            instrument = OTHERS[found.instrument]
            for note, after in pairwise(found.notes):
                assert instrument.low <= note.pitch <= instrument.high
                assert note.pitch % 12 in SCALE | {tone % 12 for x in CHORDS for tone in x.tones}
                assert note.start + note.duration < after.start + 0.05
                bar = int(note.start / player.clock.bar + 0.01)
                assert not 4 <= bar < 8
    assert len(kinds) / 200 == pytest.approx(SOLO_SHARE, abs=0.1)
    assert set(kinds) == {"solo", *SOLOISTS}
