"""A job: one song, the options for its separation, and its progress."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Self

from mdx.errors import ConfigError

WAITING = ("uploading", "queued", "working")
FINISHED = ("done", "failed", "cancelled")
STATES = (*WAITING, *FINISHED)
LONGEST_NAME = 200  # characters of a song's name
IDENTIFIER = re.compile(r"[0-9a-f]{16}")


@dataclass(frozen=True)
class Wish:
    """The options for the separation of a song."""

    system: str
    precision: str = "float32"
    two_stems: str | None = None  # this stem, and the rest of the song


@dataclass(frozen=True)
class Job:
    """The state of one separation; every change makes a new Job."""

    id: str
    song: str  # of the upload, which several jobs may share
    name: str  # as sent by the browser: only displayed, never a path
    bytes: int
    wish: Wish
    created: float  # seconds since 1970, as are all times
    state: str = "uploading"
    received: int = 0  # bytes so far
    stage: str = ""
    done: int = 0  # segments
    total: int = 0
    seconds_left: float | None = None
    started: float | None = None
    ended: float | None = None
    stems: tuple[str, ...] = ()
    sample_rate: int = 0
    samples: int = 0
    seconds: float | None = None  # duration of the separation
    error: str = ""
    notes: tuple[str, ...] = ()  # warnings
    degraded: tuple[Mapping[str, Any], ...] = ()  # from which second, to which level
    scores: Mapping[str, Any] | None = None

    @property
    def is_finished(self) -> bool:
        """Whether it is finished: done, failed or cancelled."""
        return self.state in FINISHED

    @property
    def has_original(self) -> bool:
        """Whether its song was decoded and can be played."""
        return self.samples > 0

    def changed(self, **values: Any) -> "Job":
        """The same job with other values."""
        return replace(self, **values)

    def as_json(self) -> dict[str, Any]:
        """All of it, for a file or for the page."""
        return asdict(self)

    @classmethod
    def of_json(cls, values: Any) -> Self:
        """A job from its file; raises ConfigError if that is not a valid job."""
        try:
            known = {field.name for field in fields(cls)}
            fine = {key: value for key, value in values.items() if key in known}
            fine["wish"] = Wish(**fine["wish"])
            for key in ("stems", "notes", "degraded"):
                fine[key] = tuple(fine[key])
            job = cls(**fine)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ConfigError("job", got=error, expected="a file of mdx serve") from error
        identifiers = all(IDENTIFIER.fullmatch(str(value)) for value in (job.id, job.song))
        if not identifiers or job.state not in STATES:
            raise ConfigError("job", got=f"{job.id}, {job.state}", expected="a file of mdx serve")
        return job


def plain_name(name: str) -> str:
    """A song's name for display and downloads, without control characters and folders."""
    last = re.split(r"[/\\]", name)[-1]
    kept = "".join(letter for letter in last if unicodedata.category(letter)[0] != "C")
    return " ".join(kept.split())[:LONGEST_NAME] or "song"


def file_name(name: str) -> str:
    """The name of a song's download: without a suffix and characters that a system may refuse."""
    stem = re.sub(r"\.[A-Za-z0-9]{1,5}$", "", plain_name(name))
    return re.sub(r'[<>:"|?*]', "_", stem).strip(". ") or "song"
