"""JSON written whole or not at all, and never with NaN."""

import json
import re
from pathlib import Path
from typing import Any

from mdx.files import write_atomically

SURROGATE = re.compile("[\ud800-\udfff]")


def write_json(path: Path, content: Any) -> None:
    """Write a JSON file, and the folders above it, in one move.

    Raises ValueError for NaN or infinity, OutputError where the file cannot be written.
    """
    text = json.dumps(content, indent=1, allow_nan=False, ensure_ascii=False)
    if SURROGATE.search(text):  # of a file's name that is not UTF-8
        text = json.dumps(content, indent=1, allow_nan=False)
    write_atomically(path, text + "\n")
