"""A download from the test server, and the ranges that it requested."""

from pathlib import Path
from typing import Any

import numpy as np

from models.fetch.download import download
from models.fetch.web import BLOCK
from tests.models.shelf import Shelf

CONTENT = np.random.default_rng(8).bytes(3 * BLOCK + 100)
CUT = BLOCK + 1000


def get(server: Shelf, part: Path, *, size: int | None = None, path: str = "/net") -> list[Any]:
    """Download a file; returns the reported progress."""
    calls: list[Any] = []
    download(
        f"{server.root}{path}", part, size=size, progress=lambda *numbers: calls.append(numbers)
    )
    return calls


def ranges(server: Shelf) -> list[str | None]:
    return [headers.get("Range") for _, headers in server.asked]
