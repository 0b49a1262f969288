"""quality.json next to a song's stems: the quality levels chosen under a time limit."""

import json
import logging
from collections.abc import Sequence
from pathlib import Path

from mdx.errors import OutputError
from mdx.files import write_atomically
from mdx.limit.deadline import Deadline
from mdx.limit.ladder import Ladder
from mdx.systems.spec import SOURCES

log = logging.getLogger(__name__)
QUALITY = "quality.json"


def write_quality(
    path: Path, stems: Sequence[str], ladder: Ladder, deadline: Deadline | None
) -> None:
    """Write what was chosen for a song with a deadline; without one, remove an outdated file.

    A file that cannot be written causes a warning: the stems are already there.
    """
    if deadline is None:
        remove_quality(path, stems)
        return
    summary = {"sources": stems, "levels": ladder.describe(), **deadline.summary()}
    try:
        write_atomically(path, json.dumps(summary, indent=1) + "\n")
    except OutputError as error:
        log.warning("%s", error)


def remove_quality(path: Path, stems: Sequence[str]) -> None:
    """Remove an outdated file about stems that have been replaced; if that fails, warn."""
    try:
        if not path.is_file():
            return
        old = json.loads(path.read_text(encoding="utf-8"))
        if (
            isinstance(old, dict)
            and "decisions" in old
            and set(old.get("sources", SOURCES)) <= set(stems)
        ):
            path.unlink()  # ours, about the stems that were here before
    except (OSError, ValueError, TypeError) as error:
        log.warning("%s: %s", path, error)
