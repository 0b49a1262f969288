"""JSON written whole or not at all, and never with NaN."""

import json
import os
from pathlib import Path
from typing import Any

from mdx.errors import OutputError


def write_json(path: Path, content: Any) -> None:
    """Write a JSON file, and the folders above it, in one move.

    Raises ValueError for NaN or infinity, OutputError where the file cannot be written.
    """
    text = json.dumps(content, indent=1, allow_nan=False, ensure_ascii=False) + "\n"
    write_text(path, text)


def write_text(path: Path, text: str) -> None:
    """Write a text file, and the folders above it, in one move; raises OutputError."""
    draft = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft.write_text(text, encoding="utf-8")
        os.replace(draft, path)
    except OSError as error:
        raise OutputError(path, got=error.strerror, expected="a writable file") from error
