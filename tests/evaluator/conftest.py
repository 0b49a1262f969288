"""A finished run, for tests that start from one."""

import shutil
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.conftest import write_songs
from tests.evaluator.runs import evaluate


class Finished(NamedTuple):
    """A run of the tiny system over two songs."""

    songs: Path
    out: Path


@pytest.fixture(scope="session")
def finished_once(tiny_system: Path, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """A finished run, which tests must not change."""
    root = tmp_path_factory.mktemp("finished")
    write_songs(root / "songs")
    assert evaluate(root / "songs", tiny_system, root / "out") == 0
    return Finished(root / "songs", root / "out")


@pytest.fixture
def finished(finished_once: Finished, tmp_path: Path) -> Finished:
    """A copy of that run, which the test may change and resume without separating again."""
    for folder in finished_once:
        shutil.copytree(folder, tmp_path / folder.name)
    return Finished(tmp_path / "songs", tmp_path / "out")


@pytest.fixture
def no_grading(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment that selects no songs, and in which a failure raises."""
    for name in ("AICROWD_IS_GRADING", "PARTIAL_RUN_MUSIC_NAMES", "MUSDB_PATH"):
        monkeypatch.delenv(name, raising=False)
