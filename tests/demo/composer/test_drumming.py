"""Drum parts stay in their section, kit and bar, and lead into the next section."""

from itertools import pairwise, product

import numpy as np
import numpy.typing as npt
import pytest

from demo.composer import drumming
from demo.composer.drumming import FILL_SHARE, LIMBS, PERCUSSION_SHARE, draw_drums
from demo.composer.genres import GENRES, GROOVES_OF_12, VELOCITY, Groove
from demo.instruments.drums import PIECES
from demo.score import METERS, Note
from tests.demo.composer.songs import hand, section, songs

GROOVES = [(name, genre.groove, 16) for name, genre in GENRES.items()]
GROOVES += [(meter, groove, 12) for meter, groove in GROOVES_OF_12.items()]
CASES = [(genre, meter) for genre in GENRES for meter in METERS]
LOUD = frozenset({"drums", "bass"})
PERCUSSION = {"tambourine", "shaker", "conga_high", "conga_low"}


def steps_of(notes: tuple[Note, ...], seed: int, meter: str) -> npt.NDArray[np.int_]:
    """100 * bar + step for each note, played without jitter."""
    clock = hand(seed, meter=meter).clock
    count = np.rint([note.start / clock.step for note in notes]).astype(int)
    out: npt.NDArray[np.int_] = count // clock.steps * 100 + count % clock.steps
    return out


@pytest.mark.parametrize(("name", "groove", "steps"), GROOVES, ids=[x[0] for x in GROOVES])
def test_grids_are_bars_of_known_letters_and_pieces(name: str, groove: Groove, steps: int) -> None:
    for grid in (*groove.kicks, *groove.backbeats, *groove.hats, groove.opens):
        assert len(grid) == steps and set(grid) <= {".", *VELOCITY}, (name, grid)
    for grid in (*groove.kicks, *groove.backbeats, *groove.hats):
        assert grid.strip("."), name
    assert {*groove.backbeat_drums, *groove.cymbals} <= set(PIECES)


def test_bars_of_twelve_have_a_groove_of_their_own() -> None:
    assert {meter for meter, steps in METERS.items() if steps == 12} == set(GROOVES_OF_12)


@pytest.mark.parametrize(("genre", "meter"), CASES)
def test_every_hit_lies_in_an_active_bar_on_a_known_piece(genre: str, meter: str) -> None:
    sections = (section(4), section(4, 4, frozenset({"bass", "other"})), section(5, 8))
    for seed in range(12):
        player = hand(seed, meter=meter)
        notes = draw_drums(player, GENRES[genre], sections)
        assert {note.text for note in notes} <= set(PIECES)
        assert {"kick"} < {note.text for note in notes}
        assert all(0.05 <= note.velocity <= 1.0 for note in notes)
        ends = {bar: player.clock.at(bar, 0) for bar in (4, 8, 13)}
        early = 5 * LIMBS
        assert all(n.start < ends[4] - early or ends[8] - early <= n.start < ends[13] - early
                   for n in notes), seed  # fmt: skip
        assert {int(code) // 100 for code in steps_of(notes, seed, meter)} == {
            *range(4), *range(8, 13)
        }  # fmt: skip


def hits(genre: str, seed: int, n_bars: int = 8) -> list[tuple[int, list[Note]]]:
    """The notes at every step of a section, from a drummer with the largest jitter."""
    player = hand(seed, jitter=0.012)
    steps: dict[int, list[Note]] = {}
    for note in draw_drums(player, GENRES[genre], (section(n_bars),)):
        steps.setdefault(round(note.start / player.clock.step), []).append(note)
    return list(steps.items())


def widest(found: list[tuple[int, list[Note]]]) -> tuple[float, list[Note]]:
    """The largest distance between pieces of one hit, seconds, and that hit."""
    apart = [(np.ptp([note.start for note in notes]).item(), notes) for _, notes in found]
    return max(apart, key=lambda hit: hit[0])


def test_one_movement_strikes_all_its_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """All pieces of one step are struck together, except for the limbs' small error."""
    monkeypatch.setattr(drumming, "LIMBS", 0.0)
    groove = [hit for hit in hits("house", 1) if 0 < hit[0] % 64 < 56]  # no crash, no fill
    several = [hit for hit in groove if len(hit[1]) > 1]
    assert len(several) > 20 and widest(several)[0] < 1e-9
    assert len({notes[0].start - step * 0.125 for step, notes in groove}) == len(groove)


def test_a_crash_falls_together_with_the_kick() -> None:
    found = [hit for seed in range(30) for hit in hits("pop-rock", seed, n_bars=2)]
    crashed = [(step, notes) for step, notes in found if {"crash", "kick"} <= {
        note.text for note in notes}]  # fmt: skip
    assert len(crashed) > 8
    assert widest(crashed)[0] < 0.012, widest(crashed)


def test_a_fill_keeps_together_with_the_kick() -> None:
    found = [hit for seed in range(80) for hit in hits("house", seed)]
    filled = [(step, notes) for step, notes in found if "kick" in {note.text for note in notes}
              and any("tom" in note.text for note in notes)]  # fmt: skip
    assert len(filled) > 20
    assert widest(filled)[0] < 0.012, widest(filled)


def test_hands_and_feet_strike_together_and_the_hat_is_open_or_closed() -> None:
    apart, errors = [], []
    for seed in range(8):
        for step, notes in hits("house", seed):
            assert not {"hat", "open"} <= {note.text for note in notes}
            struck = [note.start for note in notes if note.text in ("kick", "clap", "hat", "open")]
            if len(struck) > 1:
                apart.append(max(struck) - min(struck))
                errors.append(float(np.mean(struck)) - step * 0.125)
    assert max(apart) < 0.012 and np.percentile(apart, 99) < 0.010
    assert np.std(errors) == pytest.approx(0.012, rel=0.15)


def test_hats_open_and_close_on_steps_of_their_own_in_every_groove() -> None:
    both = 0
    for genre, meter, seed in product(GENRES, METERS, range(6)):
        notes = draw_drums(hand(seed, meter=meter), GENRES[genre], (section(3, active=LOUD),))
        closed, opened = (
            set(steps_of(tuple(n for n in notes if n.text == piece), seed, meter).tolist())
            for piece in ("hat", "open")
        )
        assert not closed & opened, (genre, meter, seed)
        both += bool(closed and opened)
    assert both > 20


def test_a_section_timed_on_the_crash_has_no_opening_crash() -> None:
    kept = 0
    for seed in range(40):
        notes = draw_drums(hand(seed), GENRES["metal"], (section(3, active=LOUD),))
        crashes = tuple(n for n in notes if n.text == "crash")
        codes = steps_of(crashes, seed, "4/4").tolist()
        assert len(codes) == len(set(codes)), seed
        kept += len(codes) > 1
    assert kept >= 4  # one cymbal of four


def test_every_piece_of_the_kit_is_hit_by_somebody() -> None:
    used = {note.text for score in songs("train", 150) for note in score.drums}
    assert used == set(PIECES)


def test_fills_come_at_the_end_of_four_bars_and_never_pass_the_bar() -> None:
    fills = []
    for seed in range(300):
        notes = draw_drums(hand(seed), GENRES["pop-rock"], (section(8, active=LOUD),))
        toms = tuple(note for note in notes if note.text.startswith("tom"))
        codes = steps_of(toms, seed, "4/4")
        assert {int(code) // 100 for code in codes} <= {3, 7}, seed
        assert all(code % 100 >= 8 for code in codes), seed
        fills += [bool((codes // 100 == bar).any()) for bar in (3, 7)]
    # A fill of four steps may by chance hold nothing but the snare.
    assert FILL_SHARE - 0.12 < np.mean(fills) < FILL_SHARE + 0.03


def test_fills_go_down_the_kit_and_silence_the_rest() -> None:
    places: dict[str, list[int]] = {f"tom{k}": [] for k in (1, 2, 3)}
    for seed in range(300):
        notes = draw_drums(hand(seed), GENRES["house"], (section(4, active=LOUD),))
        codes = steps_of(notes, seed, "4/4")
        toms = [code for note, code in zip(notes, codes, strict=True) if "tom" in note.text]
        for note, code in zip(notes, codes, strict=True):
            if note.text in places:
                places[note.text].append(int(code) % 100)
            elif toms and code > min(toms):
                assert note.text in ("kick", "snare"), (seed, note)
    means = [np.mean(found) for found in places.values()]
    assert all(b - a > 0.7 for a, b in pairwise(means)), means


def test_a_crash_opens_most_sections() -> None:
    opened = []
    for seed in range(200):
        sections = (section(4), section(4, 4))
        notes = draw_drums(hand(seed), GENRES["reggae"], sections)
        crashes = tuple(note for note in notes if note.text == "crash")
        assert set(steps_of(crashes, seed, "4/4")) <= {0, 400}
        opened.append(len(crashes) / 2)
    assert np.mean(opened) == pytest.approx(0.8, abs=0.06)


def test_backbeats_are_loud_and_ghosts_are_not() -> None:
    loud: list[float] = []
    soft: list[float] = []
    for seed in range(40):
        notes = draw_drums(hand(seed), GENRES["pop-rock"], (section(3, active=LOUD),))
        snare = tuple(note for note in notes if note.text == "snare")
        for note, code in zip(snare, steps_of(snare, seed, "4/4"), strict=True):
            if code < 200:  # the third bar may hold a fill
                (loud if code % 100 in (4, 12) else soft).append(note.velocity)
    assert len(loud) == 40 * 2 * 2 and np.median(loud) > 0.9
    assert len(soft) == pytest.approx(40 * 2 * 14 * 0.06, rel=0.4)  # GHOST_SHARE
    assert max(soft) < 0.35


def test_some_songs_have_percussion_as_well() -> None:
    found = []
    for seed in range(400):
        notes = draw_drums(hand(seed), GENRES["metal"], (section(2),))
        found.append(bool({note.text for note in notes} & PERCUSSION))
    nobody = 0.55**4
    assert np.mean(found) == pytest.approx(PERCUSSION_SHARE * (1 - nobody), abs=0.06)


def test_velocities_vary_with_the_hand() -> None:
    kicks = [note.velocity for seed in range(20) for note in draw_drums(
        hand(seed), GENRES["ballad"], (section(4),)) if note.text == "kick"]  # fmt: skip
    assert 0.02 < np.std(kicks) < 0.12 and len(set(kicks)) > 30


def test_kicks_play_on_through_fills() -> None:
    for genre, meter, seed in product(("metal", "folk"), METERS, range(12)):
        notes = draw_drums(hand(seed, meter=meter), GENRES[genre], (section(4),))
        kicks = tuple(note for note in notes if note.text == "kick")
        codes = steps_of(kicks, seed, meter)
        bars = [set(codes[codes // 100 == bar] % 100) for bar in range(4)]
        assert bars[0] == bars[1] == bars[2] == bars[3], (genre, meter, seed)


def test_percussion_is_cut_to_bars_of_twelve() -> None:
    late = []
    for seed in range(150):
        player = hand(seed, meter="3/4")
        notes = draw_drums(player, GENRES["house"], (section(1),))  # too short for a fill
        late += [n.start / player.clock.step for n in notes if n.text in PERCUSSION]
    assert len(late) > 100 and 10.9 < max(late) < 11.1
