"""Whole songs: shares near the recipe, genres in their meters, a monotonic clock."""

from itertools import pairwise, product

import numpy as np
import pytest

from demo.composer.genres import GENRES
from demo.composer.song import HARMONY
from demo.composer.theory import parse_chord
from demo.score import METERS, Clock, Note
from demo.singer.languages import LANGUAGES
from demo.splits import SPLIT_IDS
from tests.demo.composer.songs import SECONDS, song, songs

COUNT = 300
BOTH = tuple(SPLIT_IDS)


def share(found: list[bool]) -> float:
    return float(np.mean(found))


def test_genres_have_their_weights() -> None:
    assert sum(genre.weight for genre in GENRES.values()) == 100
    found = [score.genre for score in songs("train", COUNT)]
    for name, genre in GENRES.items():
        # Three standard deviations of a share.
        assert share([x == name for x in found]) == pytest.approx(
            genre.weight / 100, abs=3 * np.sqrt(genre.weight / 100 / COUNT)
        )


def test_shares_of_the_genres_add_up_to_the_recipe() -> None:
    def expected(values: list[float]) -> float:
        return sum(g.weight / 100 * x for g, x in zip(GENRES.values(), values, strict=True))

    genres = GENRES.values()
    assert expected([g.meters[0] for g in genres]) == pytest.approx(0.08, abs=0.02)
    assert expected([g.meters[1] for g in genres]) == pytest.approx(0.04, abs=0.02)
    assert expected([g.minor for g in genres]) == pytest.approx(0.5, abs=0.07)
    assert expected([g.rap for g in genres]) == pytest.approx(0.08, abs=0.03)
    assert expected([g.swing for g in genres]) == pytest.approx(0.2, abs=0.1)


def test_shares_of_composed_songs() -> None:
    found = songs("train", COUNT)
    meters = {meter: share([x.clock.meter == meter for x in found]) for meter in METERS}
    assert meters == pytest.approx({"4/4": 0.88, "6/8": 0.08, "3/4": 0.04}, abs=0.05)
    assert share([x.mode == "minor" for x in found]) == pytest.approx(0.54, abs=0.09)
    assert share([x.sung == "rap" for x in found]) == pytest.approx(0.066, abs=0.045)
    assert share([x.ducked for x in found]) == pytest.approx(0.144, abs=0.06)
    sung = [x for x in found if x.sung == "sung" and x.vocals]
    assert share([bool(x.harmony) for x in sung]) == pytest.approx(HARMONY, abs=0.075)


def test_training_songs_may_lack_a_stem_and_test_songs_never_do() -> None:
    def lacking(split: str) -> float:
        return share([not (x.vocals and x.bass and x.drums) for x in songs(split, 150)])

    assert lacking("train") == pytest.approx(0.1, abs=0.07)
    assert lacking("test") == 0
    assert all(any(x.notes for x in s.layers) for b in BOTH for s in songs(b, 150))


@pytest.mark.parametrize(("genre", "split"), [*product(GENRES, BOTH)])
def test_every_genre_composes_in_its_meters_and_tempo(genre: str, split: str) -> None:
    of_six, of_three = GENRES[genre].meters
    allowed = {"4/4"} | {meter for meter, x in (("6/8", of_six), ("3/4", of_three)) if x}
    low, high = GENRES[genre].tempo
    scores = [song(split, index, genre=genre, seconds=8.0)[0] for index in range(12)]
    assert {x.genre for x in scores} == {genre}
    assert "4/4" in {x.clock.meter for x in scores} <= allowed
    assert all(low <= x.clock.bpm <= high and x.clock.bpm % 2 == SPLIT_IDS[split] for x in scores)


def test_meters_have_the_shares_of_their_genre() -> None:
    meters = [song("train", k, genre="ballad", seconds=2.0)[0].clock.meter for k in range(200)]
    of_six, of_three = GENRES["ballad"].meters
    assert share([x == "6/8" for x in meters]) == pytest.approx(of_six, abs=0.09)
    assert share([x == "3/4" for x in meters]) == pytest.approx(of_three, abs=0.06)


def test_basses_follow_the_progression() -> None:
    """Every bar begins on a tone of its chord; a chord lasts one or two bars."""
    lasting = []
    for split, index in product(BOTH, range(40)):
        score, _ = song(split, index)
        numerals = score.progression.split()
        first = {}
        for bar in range(score.sections[-1].bars().stop):
            start, end = score.clock.at(bar, 0) - 0.05, score.clock.at(bar, 3)
            first[bar] = next((x.pitch for x in score.bass if start < x.start < end), None)
        fits = []
        for bars in (1, 2):
            chords = {bar: parse_chord(numerals[bar // bars % len(numerals)], score.tonic,
                                       score.mode, seventh=True) for bar in first}  # fmt: skip
            if all(p is None or p % 12 in chords[bar].tones for bar, p in first.items()):
                fits.append(bars)
        assert fits, (split, index, score.progression, first)
        lasting += fits
    assert 0.1 < lasting.count(2) / len(lasting) < 0.5


@pytest.mark.parametrize("seconds", [2.0, 3.3, 30.0, 90.0])
def test_songs_last_at_least_as_long_as_wanted(seconds: float) -> None:
    for genre, split in product(GENRES, BOTH):
        score, _ = song(split, 7, genre=genre, seconds=seconds)
        n_bars = score.sections[-1].bars().stop
        assert n_bars * score.clock.bar >= seconds > (n_bars - 1) * score.clock.bar
        if split == "test":
            assert score.vocals and score.bass and score.drums and score.layers[0].notes


def test_same_streams_give_the_same_song_and_others_do_not() -> None:
    again, _ = song.__wrapped__("train", 3)
    assert again == song("train", 3)[0]
    assert len({(x.clock, x.vocals) for x in songs("train", 40)}) == 40


def test_voices_are_active_most_of_the_time() -> None:
    def active(notes: tuple[Note, ...]) -> float:
        grid = np.zeros(int(100 * SECONDS), dtype=bool)
        for note in notes:
            grid[int(100 * note.start) : int(100 * (note.start + note.duration))] = True
        return float(grid.mean())

    found = [active(x.vocals) for b in BOTH for x in songs(b, 150) if x.vocals]
    assert 0.6 <= np.median(found) <= 0.78
    assert np.percentile(found, 5) > 0.25 and np.percentile(found, 95) < 0.97


def test_pitches_of_singers_are_singable() -> None:
    for split, index in product(BOTH, range(100)):
        score, centre = song(split, index)
        assert all(abs(n.pitch - centre) <= 12.5 for n in score.vocals), (split, index)
        assert all(n.pitch >= 24 for n in score.harmony)


def test_second_voices_stay_below_the_top_of_a_soprano() -> None:
    for split, index in product(BOTH, range(150)):
        score, centre = song(split, index)
        top = max((n.pitch for n in score.harmony), default=0)
        assert top <= 84, (split, index, centre, top)


def test_words_are_those_of_a_language_of_the_split() -> None:
    assert not set(LANGUAGES["train"]) & set(LANGUAGES["test"])
    for score in songs("test", 30):
        assert all(note.text.count("-") == 2 for note in (*score.vocals, *score.harmony))


def test_singers_and_seconds_keep_the_order_of_time() -> None:
    second = 0
    for split, index in product(BOTH, range(60)):
        score = song(split, index)[0]
        second += bool(score.harmony)
        for voice in (score.vocals, score.harmony):
            starts = [note.start for note in voice]
            assert all(b - a > 0.06 for a, b in pairwise(starts)), (split, index)
    assert second > 10


@pytest.mark.parametrize(("swing", "meter"), [*product((0.0, 0.32), METERS)])
def test_the_clock_runs_forward(swing: float, meter: str) -> None:
    for bpm, drift in product((60, 190), (0.0, 0.01)):
        clock = Clock(bpm, meter, swing, jitter=0.0, drift=drift)
        times = [clock.at(bar, step) for bar in range(60) for step in range(clock.steps)]
        gaps = np.diff(times) / clock.step
        assert gaps.min() >= (1 - swing) * (1 - drift) - 1e-9
        assert gaps.max() <= (1 + swing) * (1 + drift) + 1e-9
        exact = np.repeat(np.arange(60) * clock.bar, clock.steps)[:: clock.steps]
        away = np.abs(np.array(times[:: clock.steps]) - exact)
        assert away.max() <= drift * 23 / (2 * np.pi) + 1e-9


def test_swing_delays_every_second_sixteenth() -> None:
    clock = Clock(120, "4/4", 0.32, jitter=0.0, drift=0.0)
    gaps = np.diff([clock.at(0, step) for step in range(9)]) / clock.step
    assert gaps == pytest.approx([1.32, 0.68] * 4)


def test_drift_sways_around_the_tempo() -> None:
    clock = Clock(100, "4/4", 0.0, jitter=0.0, drift=0.01)
    gaps = np.diff([clock.at(bar, 0) for bar in range(200)]) / clock.bar
    assert gaps.max() == pytest.approx(1.01, abs=1e-3)
    assert gaps.min() == pytest.approx(0.99, abs=1e-3)
    assert gaps.mean() == pytest.approx(1, abs=1e-3)


def test_hands_err_as_the_clock_says() -> None:
    late = []
    for split, index in product(BOTH, range(20)):
        score, _ = song(split, index)
        assert 0.004 <= score.clock.jitter <= 0.012 and 0 <= score.clock.drift <= 0.01
        kicks = [n.start for n in score.drums if n.text == "kick"]
        grid = [score.clock.at(bar, step) for bar in range(score.sections[-1].bars().stop)
                for step in range(score.clock.steps)]  # fmt: skip
        errors = [start - min(grid, key=lambda t, at=start: abs(t - at)) for start in kicks]  # type: ignore[misc]
        late.append(np.std(errors) / score.clock.jitter)
    assert np.median(late) == pytest.approx(1, abs=0.1)
