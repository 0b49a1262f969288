"""quality.json beside a song's stems: the quality levels chosen under a time limit."""

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mdx.errors import OutputError
from mdx.files import write_atomically
from mdx.limit.deadline import Deadline
from mdx.limit.ladder import Ladder
from mdx.systems.spec import SOURCES

log = logging.getLogger(__name__)
QUALITY = "quality"


def quality_path(stems: Mapping[str, Path]) -> Path:
    """The file about a song whose stems have these paths.

    It is quality.json beside stems that are named after themselves alone. Where other songs' stems
    may be in the folder, it is named as they are: `a song (quality).json`.
    """
    stem, path = next(iter(stems.items()))
    before, named, after = path.stem.rpartition(stem)
    own = f"{before}{QUALITY}{after}" if named else f"{path.stem}.{QUALITY}"
    return path.with_name(f"{own}.json")


def write_quality(paths: Mapping[str, Path], ladder: Ladder, deadline: Deadline | None) -> None:
    """Write what was chosen for a song with a deadline; without one, remove an outdated file.

    A file that cannot be written, or that is not ours, causes a warning: the stems are already
    there.
    """
    if deadline is None:
        remove_quality(paths)
        return
    path = quality_path(paths)
    summary = {"sources": [*paths], "levels": ladder.describe(), **deadline.summary()}
    try:
        if may_replace(path):
            write_atomically(path, json.dumps(summary, indent=1) + "\n")
    except OutputError as error:
        log.warning("%s", error)
    except OSError as error:
        log.warning("%s: %s", path, error)


def may_replace(path: Path) -> bool:
    """Whether there is no such file or it is ours; warns of somebody else's. Raises OSError."""
    free = not path.exists() or _read(path) is not None
    if not free:
        log.warning("%s is not ours; the quality levels of the stems are not written", path)
    return free


def remove_quality(paths: Mapping[str, Path]) -> None:
    """Remove an outdated file about stems that have been replaced; if that fails, warn."""
    path = quality_path(paths)
    try:
        if not path.is_file():
            return
        told = _read(path)
        if told is not None and set(told.get("sources", SOURCES)) <= set(paths):
            path.unlink()  # about the stems that were here before
    except (OSError, TypeError) as error:
        log.warning("%s: %s", path, error)


def _read(path: Path) -> dict[str, Any] | None:
    # None for a file that somebody else wrote.
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return None
    return told if isinstance(told, dict) and "decisions" in told else None
