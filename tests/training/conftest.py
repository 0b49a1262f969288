"""A folder with songs to train on."""

from pathlib import Path

import pytest

from tests.training.miniature import write_songs


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_songs(tmp_path / "songs")
    return tmp_path
