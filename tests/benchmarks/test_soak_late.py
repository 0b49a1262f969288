"""Songs under limits on disturbed machines: which of them are late, invalid, or hopeless."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from benchmarks.soak.late import LAST_LEVEL, draw, is_bad, is_late, try_limit
from benchmarks.soak.record import Count, count
from evaluator.children import Children
from evaluator.replay import Separation, SongFailed, Submission, separate_song
from evaluator.test_sets import find_test_set
from mdx.limit.policy import Limit


@pytest.mark.parametrize(
    ("row", "bad"),
    [
        ({"error": None, "share": 0.9, "machine": "slower"}, False),
        ({"error": None, "share": 1.1, "machine": "slower"}, True),
        ({"error": "Memory: got more than 5 s in phase 'song'", "machine": "capped memory"}, True),
        ({"error": "a: got failed to allocate memory", "machine": "capped memory"}, False),
        ({"error": "a: got failed to allocate memory", "machine": "busy"}, True),
    ],
)
def test_what_counts_as_late_or_invalid(row: dict[str, object], bad: bool) -> None:
    assert is_bad(row) == bad


def test_invalid_stems_are_a_trial_that_went_wrong(
    test_set: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    songs = list(find_test_set(test_set, tmp_path).songs)

    def separate(submission: Submission, song: Path, results: Path, _: Children) -> Separation:
        shutil.copytree(song, results / song.name)
        (results / song.name / "bass.wav").write_bytes(b"no audio")
        return Separation(
            0.1, 0.1, {}, None, None, None, None, 9.0, ["float32"], degraded=False,
            both_polarities=False,
        )  # fmt: skip

    monkeypatch.setattr("benchmarks.limit.separate_song", separate)
    row = try_limit(0, system="demo", songs=songs, out=tmp_path / "out")
    assert row["bad"] and "bass.wav: got no readable file" in row["error"]


LATE = "song 1: got more than 5 s in phase 'song', expected it to end in time"


@pytest.mark.parametrize(
    ("row", "late"),
    [
        ({"error": None, "share": 1.0}, False),
        ({"error": None, "share": 1.1}, True),
        ({"error": LATE}, True),
        ({"error": "song 1: got 5.2 s, expected at most 5 s"}, True),
        ({"error": "bass.wav: got 3 samples, expected a stem of 9, like the mixture"}, False),
    ],
)
def test_what_counts_as_late(row: dict[str, object], late: bool) -> None:
    assert is_late(row) == late


@pytest.mark.parametrize("hopeless", [True, False])
def test_a_late_song_counts_only_if_the_machine_could_have_been_in_time(
    test_set: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hopeless: bool
) -> None:
    songs = list(find_test_set(test_set, tmp_path).songs)
    run = []

    def separate(submission: Submission, song: Path, results: Path, _: Children) -> Separation:
        run.append(submission)
        if len(run) == 1 or hopeless:
            raise SongFailed("song 1", got="more than 5 s", expected="it to end in time")
        return Separation(
            0.1, 0.1, {}, None, None, None, None, 9.0, ["scaled mixture"], degraded=True,
            both_polarities=False,
        )  # fmt: skip

    for module in ("benchmarks.limit", "benchmarks.soak.late"):
        monkeypatch.setattr(f"{module}.separate_song", separate)
    row = try_limit(0, system="demo", songs=songs, out=tmp_path / "out")
    assert (row["bad"], row["hopeless"]) == (not hopeless, hopeless)
    assert count([row]) == Count(numbers=1, trials=1 - hopeless, bad=1 - hopeless)
    first, second = run
    assert first.limit == second.limit and second.program == LAST_LEVEL != first.program


def test_the_last_level_alone_is_the_scaled_mixture(
    tiny_system: Path, test_set: Path, tmp_path: Path
) -> None:
    limit = Limit("fixed", 60)
    submission = Submission(str(tiny_system), limit=limit, program=LAST_LEVEL)
    run = separate_song(submission, test_set / "song 1", tmp_path, Children())
    assert run.levels == ["scaled mixture"]


def test_a_machine_may_be_disturbed_from_the_start() -> None:
    for number in range(20):
        later, soon = (
            draw(np.random.default_rng(number), 20.0, at_once=at_once)[:2]
            for at_once in (False, True)
        )
        assert later == soon


def test_machines_are_drawn_by_number() -> None:
    drawn = [draw(np.random.default_rng(number), 20.0)[:2] for number in (3, 3, 4)]
    assert drawn[0] == drawn[1] != drawn[2]
    kinds = {draw(np.random.default_rng(number), 20.0)[1] for number in range(60)}
    assert len(kinds) == 6
