"""Songs to train on."""

from pathlib import Path

import pytest

from tests.training.miniature import write_songs
from training.songs import Song, find_songs


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_songs(tmp_path / "songs")
    return tmp_path


@pytest.fixture
def songs(test_set: Path) -> tuple[Song, ...]:
    return find_songs(test_set)
