"""The trials of a soak, one JSON object per line, from which it can continue."""

import json
from pathlib import Path
from typing import Any

Row = dict[str, Any]


class Journal:
    """The trials of one kind, in a file that only grows until they are recorded."""

    def __init__(self, folder: Path, kind: str) -> None:
        """Remove an incomplete last line, which a killed soak leaves."""
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / f"{kind}.jsonl"
        if self._path.exists():
            whole, newline, _ = self._path.read_bytes().rpartition(b"\n")
            self._path.write_bytes(whole + newline)

    def rows(self) -> list[Row]:
        """All trials so far, in their order."""
        if not self._path.exists():
            return []
        return [json.loads(line) for line in self._path.read_text(encoding="utf-8").splitlines()]

    def add(self, row: Row) -> None:
        """Write one trial."""
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")

    def clear(self) -> None:
        """Forget all trials."""
        self._path.unlink(missing_ok=True)
