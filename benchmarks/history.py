"""`python -m benchmarks.history`: changes in speed and memory since the last recorded run.

It runs a few commands with the default system and prints medians of interleaved runs, relative to
the latest recorded run on the same kind of CPU. `--record` adds this run to
benchmarks/history.jsonl.
The exit code is always 0: machines are shared, and a person must interpret the ratios.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.command import errors_in_one_line
from benchmarks.floor import float32_speed
from benchmarks.memory import ROOT, Usage, measure_command, write_song
from benchmarks.startup import first_chunk_seconds
from evaluator.tables import markdown_table
from mdx.files import write_atomically
from mdx.machine import available_cpus, cpu_model
from mdx.systems.find import DEFAULT_SYSTEM
from training.origin import git_commit

PATH = Path(__file__).with_name("history.jsonl")
SECONDS = 60  # of the song
PRECISIONS = ("float32", "int8")
Figures = dict[str, float]


def measure(runs: int) -> Figures:
    """Medians: seconds of a song over those of a matrix product, its memory, and the start."""
    found: list[Figures] = []
    with tempfile.TemporaryDirectory() as name:
        first, song = Path(name) / "first.wav", Path(name) / "song.wav"
        write_song(first, 1)
        write_song(song, SECONDS)
        for precision in PRECISIONS:  # the first time, OpenVINO compiles the networks
            separate(first, Path(name) / "out", precision)
        for _ in range(runs):
            row = {}
            unit = 1e12 / float32_speed()  # seconds: how fast the machine is at this moment
            for precision in PRECISIONS:
                usage = separate(song, Path(name) / "out", precision)
                row[f"{precision}, time"] = usage.seconds / unit
                row[f"{precision}, MB"] = usage.megabytes
            start = first_chunk_seconds(DEFAULT_SYSTEM, song, Path(name))
            row["start to first chunk"] = start / unit
            found.append(row)
    return {key: median(row[key] for row in found) for key in found[0]}


def separate(song: Path, out: Path, precision: str) -> Usage:
    """One song through predict.py, file to files."""
    command = [sys.executable, str(ROOT / "predict.py"), str(song), "-o", str(out)]
    return measure_command([*command, "--precision", precision])


def recorded(path: Path, machine: dict[str, Any]) -> dict[str, Any] | None:
    """The latest run on this kind of machine; None where there is none."""
    if not path.exists():
        return None
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return next((row for row in reversed(rows) if row["machine"] == machine), None)


def history_table(now: Figures, before: dict[str, Any] | None) -> str:
    """This run, and its ratio to the recorded one."""
    lines = []
    for key, value in now.items():
        ratio = value / before["figures"][key] if before and key in before["figures"] else None
        lines.append([key, f"{value:.3g}", "-" if ratio is None else f"{ratio:.2f}"])
    since = "no run on this CPU"
    if before is not None:
        since = str(before["commit"])[:12]
    return markdown_table(["", "now", f"over that of {since}"], lines)


def main() -> None:
    """Measure and print; with --record, keep."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.history", description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--record", action="store_true", help="add this run to the history")
    parser.add_argument("--history", type=Path, default=PATH, help="(default: %(default)s)")
    args = parser.parse_args()
    machine = {"cpu": cpu_model(), "cpus": available_cpus()}
    now = measure(args.runs)
    print("Times are in units of 10^12 operations of a matrix product on this machine.\n")
    print(history_table(now, recorded(args.history, machine)))
    if args.record:
        old = args.history.read_text(encoding="utf-8") if args.history.exists() else ""
        row = {"commit": git_commit(), "machine": machine, "figures": now}
        write_atomically(args.history, old + json.dumps(row) + "\n")


if __name__ == "__main__":
    with errors_in_one_line():
        main()
