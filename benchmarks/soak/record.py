"""What soaks on all machines have counted: a line per kind and soak, in record.jsonl.

A thousand trials take longer than one machine may be free for. The numbers of a recorded soak's
trials, which draw their moments and machines, are not used again.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.soak.journal import Journal, Row
from mdx.files import write_atomically
from mdx.machine import available_cpus, cpu_model

PATH = Path(__file__).with_name("record.jsonl")


@dataclass(frozen=True)
class Count:
    """Trials of one kind."""

    numbers: int = 0  # all that began
    trials: int = 0  # that count: with a kill before the end, or a machine that can be in time
    bad: int = 0

    def __add__(self, other: "Count") -> "Count":
        return Count(self.numbers + other.numbers, self.trials + other.trials, self.bad + other.bad)


def count(rows: list[Row]) -> Count:
    """Count the rows of a journal."""
    trials = sum(row.get("killed", True) and not row.get("hopeless") for row in rows)
    return Count(len(rows), trials, sum(row["bad"] for row in rows))


def recorded(path: Path, kind: str, system: str) -> Count:
    """All recorded trials of a kind with this system."""
    lines = [line for line in lines_of(path) if (line["kind"], line["system"]) == (kind, system)]
    counts = [Count(line["numbers"], line["trials"], line["bad"]) for line in lines]
    return sum(counts, Count())


def record(path: Path, journals: dict[str, Journal], system: str) -> None:
    """Add the trials of all journals to the record, and then remove them from the journals."""
    lines = lines_of(path)
    for kind, journal in journals.items():
        if not (rows := journal.rows()):
            continue
        found = count(rows)
        lines.append({
            "kind": kind, "system": system, "numbers": found.numbers, "trials": found.trials,
            "bad": found.bad, "commits": sorted({str(row["commit"]) for row in rows}),
            "machine": {"cpu": cpu_model(), "cpus": available_cpus()},
            "went wrong": [row for row in rows if row["bad"]],
        })  # fmt: skip
    write_atomically(path, "".join(json.dumps(line) + "\n" for line in lines))
    for journal in journals.values():
        journal.clear()


def lines_of(path: Path) -> list[dict[str, Any]]:
    """The lines of a record; none where there is no file."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
