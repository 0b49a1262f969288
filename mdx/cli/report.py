"""Progress of a batch: lines and a bar for people, or one JSON object per event for programs."""

import json
import logging
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from mdx.cli.process import complain, note, plain, say

BAR = "{desc}: {percentage:3.0f} %|{bar}| {elapsed}<{remaining}"  # of a song; the rest is jargon


class Report(Protocol):
    """Receives the events of a batch."""

    def begun(self, song: Path) -> None:
        """A song was begun."""

    def progress(self, done: int, total: int, stage: str) -> None:
        """This many chunks of the song are done."""

    def done(self, song: Path, stems: Mapping[str, Path], seconds: float) -> None:
        """A song's stems were written."""

    def skipped(self, song: Path, reason: str) -> None:
        """A song was skipped, as requested."""

    def failed(self, song: object, error: object) -> None:
        """A song could not be separated."""

    def summary(self, counts: Mapping[str, int], seconds: float) -> None:
        """The batch has ended."""

    def close(self) -> None:
        """Nothing more will be reported."""


class Lines:
    """One line per song, and a progress bar while it is being separated."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._quiet = quiet
        self._bar: Any = None

    def begun(self, song: Path) -> None:
        """Show a progress bar if there is a terminal."""
        from tqdm import tqdm  # which the challenge does not need

        name = printable(song.name)
        hidden = True if self._quiet or sys.stderr is None else None  # None: without a terminal
        self._bar = tqdm(desc=name, bar_format=BAR, disable=hidden, leave=False)

    def progress(self, done: int, total: int, stage: str) -> None:  # noqa: ARG002
        """Move the bar."""
        self._bar.total, self._bar.n = total, done
        self._bar.update(0)

    def done(self, song: Path, stems: Mapping[str, Path], seconds: float) -> None:  # noqa: ARG002
        """Print where the stems are."""
        self.close()
        if not self._quiet:
            say(plain(common_folder(stems)))

    def skipped(self, song: Path, reason: str) -> None:
        """Print why."""
        self.close()
        if not self._quiet:
            say(plain(f"{song}: skipped, {reason}"))

    def failed(self, song: object, error: object) -> None:  # noqa: ARG002
        """Print the error, in one line."""
        self.close()
        complain(error)

    def summary(self, counts: Mapping[str, int], seconds: float) -> None:
        """Print how many songs were separated, skipped and failed, if there are several."""
        if sum(counts.values()) > 1 and not self._quiet:
            parts = ", ".join(f"{number} {word}" for word, number in counts.items())
            note(f"{parts}, in {seconds:.1f} s")

    def close(self) -> None:
        """Remove the bar."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None


class AboveBars(logging.StreamHandler[Any]):
    """Warnings as lines, above all progress bars."""

    def format(self, record: logging.LogRecord) -> str:
        """The record on one line; names of files may hold anything."""
        return plain(super().format(record))

    def emit(self, record: logging.LogRecord) -> None:
        """Print a warning where a bar is, which comes again below it."""
        from tqdm import tqdm  # which the challenge does not need

        with tqdm.external_write_mode(file=sys.stderr):
            super().emit(record)


class Events:
    """One JSON object per line on standard output; errors go to standard error as well."""

    def __init__(self) -> None:
        self._percent = -1

    def begun(self, song: Path) -> None:
        """{"event": "begun", "song": path}"""
        self._percent = -1
        _emit("begun", song=str(song))

    def progress(self, done: int, total: int, stage: str) -> None:
        """{"event": "progress", "done": chunks, "total": chunks, "stage": name}, every percent."""
        percent = 100 * done // max(1, total)
        if percent != self._percent:
            self._percent = percent
            _emit("progress", done=done, total=total, stage=stage)

    def done(self, song: Path, stems: Mapping[str, Path], seconds: float) -> None:
        """{"event": "done", "song": path, "stems": {name: path}, "seconds": number}"""
        paths = {stem: str(path) for stem, path in stems.items()}
        _emit("done", song=str(song), stems=paths, seconds=round(seconds, 3))

    def skipped(self, song: Path, reason: str) -> None:
        """{"event": "skipped", "song": path, "reason": text}"""
        _emit("skipped", song=str(song), reason=reason)

    def failed(self, song: object, error: object) -> None:
        """{"event": "failed", "song": path or null, "reason": text}"""
        _emit("failed", song=None if song is None else str(song), reason=str(error))
        complain(error)

    def summary(self, counts: Mapping[str, int], seconds: float) -> None:
        """{"event": "summary", "separated": n, "skipped": n, "failed": n, "seconds": number}"""
        _emit("summary", **counts, seconds=round(seconds, 3))

    def close(self) -> None:
        """Do nothing: there is no bar."""


class EventHandler(logging.Handler):
    """Warnings as events."""

    def emit(self, record: logging.LogRecord) -> None:
        """{"event": "warning", "text": text}"""
        _emit(record.levelname.lower(), text=record.getMessage())


def common_folder(stems: Mapping[str, Path]) -> Path:
    """The folder that contains all stems of a song, at any depth."""
    folders = [path.parent for path in stems.values()]
    return next(
        folder for folder in (folders[0], *folders[0].parents)
        if all(other.is_relative_to(folder) for other in folders)
    )  # fmt: skip


def printable(name: str) -> str:
    """A name as the terminal's encoding can show it."""
    encoding = getattr(sys.stderr, "encoding", None) or "ascii"
    return plain(name).encode(encoding, "backslashreplace").decode(encoding)


def _emit(event: str, **facts: object) -> None:
    say(json.dumps({"event": event, **facts}))
