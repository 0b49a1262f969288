"""A server for all tests of a module."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.page_server import Server, serving

RESERVE = {"system": "tiny", "precision": "float32", "name": "a.wav", "bytes": 10}


@pytest.fixture(scope="module")
def server(tiny_system: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of the tiny system."""
    with serving(
        tiny_system, tmp_path_factory.mktemp("serve") / "folder", "--threads", "1"
    ) as running:
        yield running
