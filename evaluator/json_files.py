"""JSON files, written atomically and never with NaN."""

import json
import re
from pathlib import Path
from typing import Any

from mdx.files import write_atomically

SURROGATE = re.compile("[\ud800-\udfff]")


def write_json(path: Path, content: Any) -> None:
    """Write a JSON file atomically, and create the folders above it.

    Raises ValueError for NaN or infinity, OutputError where the file cannot be written.
    """
    text = json.dumps(content, indent=1, allow_nan=False, ensure_ascii=False)
    if SURROGATE.search(text):  # from the name of a file that is not UTF-8
        text = json.dumps(content, indent=1, allow_nan=False)
    write_atomically(path, text + "\n")
