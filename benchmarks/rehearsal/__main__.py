"""`python -m benchmarks.rehearsal`: "Reproduce the paper" on a test set of MUSDB18's size.

Fifty composed songs of 3.5 hours, the longest 7:10, as WAV and as .stem.mp4; leaderboard A's system
at full size with random weights, with and without Demucs-v2, in float32, bf16 and int8; limits on,
all metrics, the paper check, the report. Results are kept in --out, from which the same command
continues. It prints the time, memory and disk space of each step.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from benchmarks.blend import make_weights_once, write_system
from benchmarks.command import errors_in_one_line, keep_settings
from benchmarks.full_size import FOLDER
from benchmarks.memory import ROOT
from benchmarks.rehearsal.songs import compose, pack
from evaluator.json_files import write_json
from evaluator.tables import markdown_table
from mdx.machine import has_bf16

RUNS = {  # test set, precision, and whether Demucs-v2 is in the blend
    "mp4, without Demucs-v2, int8": ("mp4", "int8", False),
    "hq, without Demucs-v2, bf16": ("hq", "bf16", False),
    "hq, blended, int8": ("hq", "int8", True),
    "hq, blended, float32": ("hq", "float32", True),
}


def system_of(blended: bool) -> Path:
    """The YAML of leaderboard A's sizes with random weights, with or without Demucs-v2."""
    path = write_system(FOLDER, 40.0, 0.5, 2)
    if blended:
        return path
    values = yaml.safe_load(path.read_text(encoding="utf-8"))
    values |= {
        "name": "mdx_net_size",
        "estimators": [part for part in values["estimators"] if part["kind"] == "spectrogram"],
        "combine": [step for step in values["combine"] if step["kind"] == "mixer"],
    }
    plain = path.with_name("mdx_net_size.yaml")
    plain.write_text(yaml.safe_dump(values, sort_keys=False), encoding="utf-8")
    return plain


def evaluate(out: Path, songs: Path, precision: str, system: Path) -> None:
    """Run the evaluator as the page on reproducing the paper says; a missed check is no failure."""
    command = [sys.executable, "evaluator/run.py", "--songs", str(songs), "--system", str(system),
               "--precision", precision, "--metrics", "full", "--check", "paper", "--resume",
               "--out", str(out)]  # fmt: skip
    subprocess.run(command, cwd=ROOT, check=True)


class Steps:
    """Seconds of every step, in a JSON file; those of an interrupted step add up."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.seconds: dict[str, float] = {}
        self.done: list[str] = []
        if path.exists():
            kept = json.loads(path.read_text(encoding="utf-8"))
            self.seconds, self.done = kept["seconds"], kept["done"]

    def run(self, name: str, work: Callable[[], None]) -> None:
        """Do a step unless it is done."""
        if name in self.done:
            return
        started = time.perf_counter()
        try:
            work()
            self.done.append(name)
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - started
            write_json(self._path, {"seconds": self.seconds, "done": self.done})


def _timed_songs(report: Path) -> list[dict[str, Any]]:
    # Those that were separated, which may be none.
    systems = json.loads(report.read_text(encoding="utf-8"))["timing"]["systems"]
    return [song for system in systems for song in system["songs"]]


def summary(out: Path, steps: Steps) -> str:
    """The time of every step, and the time, memory, disk space and report of each evaluation."""
    lines = []
    for name, seconds in steps.seconds.items():
        cells = ["-"] * 6
        report = out / name / "report.json"
        if report.exists() and (songs := _timed_songs(report)):
            page = report.with_name("report.html")
            cells = [
                f"{len(songs)}", f"{sum(song['degraded'] for song in songs)}",
                f"{sum(song['median'] for song in songs) / 60:.0f}",
                f"{100 * max(song['share_of_round_2_limit'] for song in songs):.0f} %",
                f"{max(song['peak_memory'] for song in songs) / 1e6:.0f}",
                f"{page.stat().st_size / 1e6:.1f}" if page.exists() else "-",
            ]  # fmt: skip
        state = "" if name in steps.done else " (not finished)"
        size = sum(path.stat().st_size for path in (out / name).rglob("*") if path.is_file())
        lines.append([name + state, f"{seconds / 60:.1f}", *cells, f"{size / 1e9:.1f}"])
    header = ["step", "minutes", "songs", "of these fallen back", "minutes separating",
              "largest share of 1.57 x", "MB of memory", "MB of report.html",
              "GB on disk"]  # fmt: skip
    return markdown_table(header, lines)


def main() -> int:
    """Run the remaining steps and print the summary; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rehearsal", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("out/rehearsal"))
    parser.add_argument("--songs", type=int, default=50)
    parser.add_argument("--scale", type=float, default=1.0, help="of the songs' lengths")
    parser.add_argument("--runs", nargs="*", choices=RUNS, default=list(RUNS), metavar="RUN")
    args = parser.parse_args()
    out = args.out.resolve()
    with errors_in_one_line():
        keep_settings(out, songs=args.songs, scale=args.scale)
        return _run(args.runs, out, args.songs, args.scale)


def _run(runs: list[str], out: Path, songs: int, scale: float) -> int:
    steps = Steps(out / "steps.json")
    try:
        steps.run("composed", lambda: compose(out, songs, scale))
        steps.run("mp4", lambda: pack(out))
        steps.run("weights", make_weights_once)
        for name in runs:
            test_set, precision, blended = RUNS[name]
            if precision == "bf16" and not has_bf16():
                continue
            system = system_of(blended)
            steps.run(name, lambda: evaluate(out / name, out / test_set, precision, system))  # noqa: B023
    except KeyboardInterrupt:
        print("interrupted: the same command goes on", file=sys.stderr)
        return 130
    finally:
        print(summary(out, steps))
    return 0


if __name__ == "__main__":
    sys.exit(main())
