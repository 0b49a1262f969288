"""Sections tile a song; stems rest in some of them but never in all."""

from itertools import pairwise

import numpy as np
import pytest

from demo.composer.form import WITHOUT, draw_form, draw_lacking
from demo.score import STEMS
from tests.demo.composer.songs import song

LENGTHS = (1, 2, 3, 4, 5, 6, 8, 9, 11, 12, 15, 16, 18, 24, 30, 60, 200)


@pytest.mark.parametrize("lacking", [None, *STEMS])
def test_every_form(lacking: str | None) -> None:
    there = {stem for stem in STEMS if stem != lacking}
    for n_bars in LENGTHS:
        for seed in range(60):
            sections = draw_form(np.random.default_rng(seed), n_bars, lacking)
            case = (n_bars, seed)
            assert [bar for s in sections for bar in s.bars()] == list(range(n_bars)), case
            assert set().union(*(s.active for s in sections)) == there, case
            assert all(len(s.active) >= 2 for s in sections), case


def test_sections_are_phrases_of_a_useful_length() -> None:
    for n_bars in (*range(6, 31), 60, 100, 333):
        sections = draw_form(np.random.default_rng(0), n_bars, None)
        assert all(s.first_bar % 2 == 0 for s in sections), n_bars
        assert all(4 <= s.n_bars <= 8 for s in sections), n_bars


def test_long_songs_have_several_sections() -> None:
    counts = [len(draw_form(np.random.default_rng(0), n, None)) for n in LENGTHS]
    assert all(a <= b for a, b in pairwise(counts))
    assert counts == [max(1, round(n / 6)) for n in LENGTHS]


def test_how_often_stems_rest() -> None:
    """The recipe: drums and bass play 85 % of the time, other 92 %; voices also breathe."""
    forms = [draw_form(np.random.default_rng(seed), 16, None) for seed in range(1500)]
    sections = [s for form in forms for s in form]
    share = {stem: np.mean([stem in s.active for s in sections]) for stem in STEMS}
    expected = {"bass": 0.86, "drums": 0.86, "other": 0.94, "vocals": 0.84}
    assert share == pytest.approx(expected, abs=0.03)


def test_a_tenth_of_the_training_songs_lacks_a_stem() -> None:
    drawn = [draw_lacking("train", np.random.default_rng(seed)) for seed in range(3000)]
    lacking = [stem for stem in drawn if stem]
    assert len(lacking) / len(drawn) == pytest.approx(WITHOUT, abs=0.02)
    assert set(lacking) == {"vocals", "drums", "bass"}
    assert lacking.count("vocals") / len(lacking) == pytest.approx(0.5, abs=0.1)


def test_test_songs_lack_nothing() -> None:
    assert {draw_lacking("test", np.random.default_rng(seed)) for seed in range(500)} == {None}


def test_active_stems_play_and_resting_ones_are_silent() -> None:
    for split in ("train", "test"):
        for index in range(40):
            score, _ = song(split, index)
            parts = {"bass": [score.bass], "drums": [score.drums], "vocals": [score.vocals],
                     "other": [layer.notes for layer in score.layers]}  # fmt: skip
            for s in score.sections:
                start, end = (score.clock.at(bar, 0) for bar in (s.first_bar, s.bars().stop))
                for stem, tracks in parts.items():
                    # A player errs by 12 ms at most, one standard deviation; a strum takes 30.
                    plays = any(
                        start - 0.06 < note.start < end - 0.09 for notes in tracks for note in notes
                    )
                    assert plays == (stem in s.active), (split, index, stem, s)
