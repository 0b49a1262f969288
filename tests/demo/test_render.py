"""Whole songs: audible, never clipped, and described by song.json; splits are disjoint."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from demo.composer.genres import GENRES
from demo.composer.progressions import PROGRESSIONS
from demo.dsp import SAMPLE_RATE
from demo.errors import DemoError
from demo.mixing import Stems
from demo.render import Request, render_song
from demo.score import STEMS
from demo.singer.languages import LANGUAGES
from demo.splits import BANDS

SECONDS = 4.0
Song = tuple[Stems, dict[str, Any]]


@pytest.fixture(scope="module")
def songs() -> dict[tuple[str, str], Song]:
    """One song of every genre, alternately from either split."""
    return {
        (genre, split): render_song(Request(split, index, SECONDS, 5, genre=genre))
        for index, genre in enumerate(GENRES)
        for split in (("train", "test")[index % 2],)
    }


def test_other_seed_or_index_gives_another_song() -> None:
    first, second, third = (
        render_song(Request("train", index, 2.0, seed))[0]["drums"]
        for index, seed in ((0, 5), (1, 5), (0, 6))
    )
    assert not np.array_equal(first, second) and not np.array_equal(first, third)


def test_every_genre_sounds_and_never_clips(songs: dict[tuple[str, str], Song]) -> None:
    assert {genre for genre, _ in songs} == set(GENRES)
    for key, (stems, facts) in songs.items():
        assert facts["genre"] == key[0]
        heard = {stem for section in facts["sections"] for stem in section["active"]}
        for stem, audio in stems.items():
            assert audio.shape == (2, round(SECONDS * SAMPLE_RATE))
            assert (np.abs(audio).max() > 300) == (stem in heard), (key, stem)
        mixture = np.sum([x.astype(int) for x in stems.values()], axis=0)
        assert np.abs(mixture).max() <= 32767, key


def test_a_song_that_lacks_a_stem_keeps_it_silent() -> None:
    for index in range(20):  # about one of ten lacks one
        stems, facts = render_song(Request("train", index, 2.0, 11))
        missing = set(STEMS).difference(*(s["active"] for s in facts["sections"]))
        if missing:
            break
    assert len(missing) == 1
    assert all(audio.any() != (stem in missing) for stem, audio in stems.items())


def test_stereo_is_wide_where_it_should_be(songs: dict[tuple[str, str], Song]) -> None:
    def correlation(stem: str) -> float:
        heard = [stems[stem] for stems, _ in songs.values() if stems[stem].any()]
        return float(np.median([np.corrcoef(audio[0], audio[1])[0, 1] for audio in heard]))

    assert correlation("bass") > 0.95
    assert 0.8 < correlation("drums") < 0.99
    assert correlation("other") < correlation("vocals")


def test_song_json_proves_the_splits_apart(songs: dict[tuple[str, str], Song]) -> None:
    for (_, split), (_, facts) in songs.items():
        other = "test" if split == "train" else "train"
        assert facts["tempo"] % 2 == (split == "test")
        choices, timbre = facts["choices"], facts["timbre"]
        assert choices["language"] in LANGUAGES[split]
        assert choices["language"] not in LANGUAGES[other]
        mode = facts["key"].split()[1]
        assert facts["progression"] not in PROGRESSIONS[mode][other]
        kinds = {name.split(".")[0] for name in timbre}
        assert {"singer", "score", "mix", "other"} <= kinds
        assert all(
            any(a <= drawn["place"] <= b for a, b in BANDS[split]) for drawn in timbre.values()
        )
    gaps = sorted((a, b, split) for split, bands in BANDS.items() for a, b in bands)
    assert all(first[1] < second[0] for first, second in pairwise(gaps))


def test_song_json_contains_the_sung_notes(songs: dict[tuple[str, str], Song]) -> None:
    for stems, facts in songs.values():
        for start, duration, pitch, _ in facts["vocals"]:
            assert start >= 0 and duration > 0 and 30 < pitch < 90
        assert bool(facts["vocals"]) == stems["vocals"].any()


@pytest.mark.parametrize(
    ("split", "index", "seconds", "seed"),
    [("valid", 0, 4, 1), ("train", -1, 4, 1), ("train", 0, 1, 1), ("train", 0, 4, -1),
     ("train", 0, 601, 1)],
)  # fmt: skip
def test_impossible_requests_are_refused(split: str, index: int, seconds: float, seed: int) -> None:
    with pytest.raises(DemoError, match=r"got '?(valid|-1|1|601)'?, expected "):
        Request(split, index, seconds, seed)
