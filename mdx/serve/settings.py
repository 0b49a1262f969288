"""The settings of a server, and its bounds."""

from dataclasses import dataclass
from pathlib import Path

from mdx.errors import ConfigError
from mdx.files import user_cache
from mdx.systems.find import DEFAULT_SYSTEM


@dataclass(frozen=True)
class Settings:
    """The options for separating and storing songs, and their bounds."""

    folder: Path  # of songs and stems
    system: str = DEFAULT_SYSTEM  # the page's initial choice
    precision: str = "float32"
    limit: str | None = None  # per song, as for --limit; None: the system's own
    threads: int | None = None
    runtime: str = "auto"
    provider: str = "cpu"
    keep_hours: float = 24.0  # for which a finished song is kept
    most_upload: int = 2 * 10**9  # bytes of a song
    most_hours: float = 4.0  # of music in a song: a small file may decode to days of silence
    most_songs: int = 1000  # in the list
    reserve: int = 10**9  # bytes of disk that uploads leave free
    patience: float = 30.0  # seconds without data after which an upload is aborted
    token: str | None = None  # secret that a browser must send


def default_folder() -> Path:
    """The default folder of songs and stems; raises ConfigError if there is no home folder."""
    try:
        return user_cache() / "serve"
    except RuntimeError as error:
        raise ConfigError(
            "folder", got="no home folder", expected="a place for songs and stems",
            hint="--folder names one",
        ) from error  # fmt: skip
