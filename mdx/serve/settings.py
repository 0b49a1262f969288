"""The settings of a server, and its bounds."""

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Settings:
    """How songs are separated, kept and bounded."""

    folder: Path  # of songs and stems
    system: str = "demo"  # chosen where the page says nothing else
    precision: str = "float32"
    limit: str | None = None  # of each song, as --limit has it; None: the system's own
    threads: int | None = None
    runtime: str = "auto"
    provider: str = "cpu"
    keep_hours: float = 24.0  # that a finished song stays
    most_upload: int = 2 * 10**9  # bytes of a song
    most_hours: float = 4.0  # of music in a song: a small file may decode to days of silence
    most_songs: int = 1000  # in the list
    reserve: int = 10**9  # bytes of disk that uploads leave free
    patience: float = 30.0  # seconds in which something of an upload has to come
    token: str | None = None  # that a browser has to know


def default_folder() -> Path:
    """Where songs and stems are kept: below the user's cache."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "mdx" / "serve"
