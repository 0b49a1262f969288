"""Trainings side by side: failures, and the song that they are validated on."""

import multiprocessing
import os
import time
from collections.abc import Generator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from benchmarks.trainings import first_complete, train_all
from mdx.errors import NetworkError, ProcessError
from mdx.systems.spec import SAMPLE_RATE
from tests.training.miniature import write_songs
from training.songs import find_songs


def half(number: int) -> float:
    """A training that fails for odd numbers."""
    if number % 2:
        raise NetworkError(f"training {number}", got="a gradient of nan", expected="a finite one")
    return number / 2


def test_a_training_that_fails_costs_no_other_its_result(
    capsys: pytest.CaptureFixture[str],
) -> None:
    jobs = {f"job {number}": partial(half, number) for number in range(6)}
    done = {}
    with pytest.raises(NetworkError, match="a gradient of nan"):
        for name, result in train_all(jobs, 2):
            done[name] = result
    assert done == {"job 0": 0.0, "job 2": 1.0, "job 4": 2.0}
    told = sorted(capsys.readouterr().err.splitlines())
    assert [line[:5] for line in told] == ["job 1", "job 3", "job 5"]


def fail(words: str) -> float:
    """A training that torch ends."""
    raise RuntimeError(words)


def test_an_error_of_torch_costs_no_other_its_result(capsys: pytest.CaptureFixture[str]) -> None:
    jobs = {"large": partial(fail, "not enough memory"), "small": partial(half, 4)}
    done = {}
    with pytest.raises(RuntimeError, match="not enough memory"):
        for name, result in train_all(jobs, 1):
            done[name] = result
    assert done == {"small": 2.0} and capsys.readouterr().err == "large: not enough memory\n"


def wait(seconds: float) -> None:
    """A training that takes so long."""
    time.sleep(seconds)


def test_trainings_end_with_the_benchmark() -> None:
    results = train_all({"short": partial(wait, 0), "long": partial(wait, 3600)}, 2)
    assert next(results) == ("short", None)
    assert isinstance(results, Generator)
    results.close()  # as Ctrl-C does, and an error where the results are used
    assert multiprocessing.active_children() == []


def test_a_training_that_is_killed_is_one_line() -> None:
    with pytest.raises(ProcessError, match=r"^trainings: got a process that was killed"):
        list(train_all({"killed": partial(os._exit, 9)}, 1))


def test_the_first_song_in_which_everything_is_heard(tmp_path: Path) -> None:
    songs = find_songs(write_songs(tmp_path, 3))
    sf.write(songs[0].path("vocals"), np.zeros((songs[0].samples, 2)), SAMPLE_RATE)
    assert first_complete(songs, "all") == [songs[1]]
    assert first_complete(songs, "bass") == [songs[0]]
    assert first_complete(songs[:1], "vocals") == []
