"""`python -m benchmarks.inference`: ours beside the released submission's way, file to files.

By default the paper's networks with random weights; `--system` takes any. Methods are interleaved,
every run is a process of its own, and figures are medians. The speed of a large matrix product is
printed beside them, so that figures of different machines can be told apart.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.full_size import make_full_size
from benchmarks.memory import ROOT, write_song
from evaluator.json_files import write_json
from evaluator.replay import Children, Submission, separate_song
from mdx.machine import available_cpus, cpu_model

METHODS = ("original", "onnxruntime", "openvino")
STAGES = ("read", "stft", "networks", "istft", "mixer", "write")
SIDE = 2048  # of the matrices whose product measures the machine


def run_original(system: Path, song: Path, out: Path) -> dict[str, Any]:
    """One run of the released submission's method."""
    command = [sys.executable, "-m", "benchmarks.original", str(system), str(song), str(out)]
    child = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if child.returncode:
        return {"failed": f"exit code {child.returncode}"}
    return {**json.loads(child.stdout), "stages": {}}


def run_ours(system: Path, song: Path, out: Path, runtime: str) -> dict[str, Any]:
    """One run of predict.py with a runtime, loading included, as in the original."""
    os.environ["MDX_RUNTIME"] = runtime
    run = separate_song(Submission(str(system)), song.parent, out, Children())
    stages = dict(run.stages)
    networks = sum(stages.pop(source) for source in ("bass", "drums", "other", "vocals"))
    return {
        "seconds": run.setup_seconds + run.seconds,
        "peak_memory": run.peak_memory,
        "stages": {**stages, "networks": networks},
    }


def measure(methods: list[str], system: Path, seconds: int, runs: int) -> dict[str, Any]:
    """Medians by method for a song of noise."""
    found: dict[str, list[dict[str, Any]]] = {method: [] for method in methods}
    with tempfile.TemporaryDirectory() as name:
        song = Path(name) / "song" / "mixture.wav"
        song.parent.mkdir()
        write_song(song, seconds)
        for _ in range(runs):
            for method in methods:
                out = Path(name) / method
                if method == "original":
                    found[method].append(run_original(system, song, out))
                else:
                    found[method].append(run_ours(system, song, out, method))
    return {method: _median(runs) for method, runs in found.items()}


def matrix_speed() -> float:
    """Float32 operations a second in a large matrix product, the best of five."""
    matrix = np.random.default_rng(0).random((SIDE, SIDE), dtype=np.float32)
    best = float("inf")
    for _ in range(6):
        started = time.perf_counter()
        matrix @ matrix
        best = min(best, time.perf_counter() - started)
    return float(2 * SIDE**3 / best)


def table(seconds: int, results: dict[str, Any]) -> str:
    """One song length as a Markdown table; times are relative to the first method's."""
    first = next(iter(results.values()))
    stages = " | ".join(f"{stage}, %" for stage in STAGES)
    lines = [
        f"| {seconds} s song | seconds | times faster | memory, MB | {stages} |",
        "| --- | " + " | ".join(["---:"] * (3 + len(STAGES))) + " |",
    ]
    for method, result in results.items():
        if "failed" in result:
            lines.append(f"| {method} | {result['failed']} |" + " |" * (2 + len(STAGES)))
            continue
        faster = f"{first['seconds'] / result['seconds']:.2f}" if "seconds" in first else "-"
        shares = [
            f"{100 * result['stages'][stage] / result['seconds']:.1f}"
            if stage in result["stages"] else "-"
            for stage in STAGES
        ]  # fmt: skip
        memory = result["peak_memory"] / 1e6
        cells = [method, f"{result['seconds']:.1f}", faster, f"{memory:.0f}", *shares]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _median(runs: list[dict[str, Any]]) -> dict[str, Any]:
    for run in runs:
        if "failed" in run:
            return run
    stages = {
        key: statistics.median(run["stages"][key] for run in runs) for key in runs[0]["stages"]
    }
    return {
        "seconds": statistics.median(run["seconds"] for run in runs),
        "peak_memory": statistics.median(run["peak_memory"] for run in runs),
        "stages": stages,
    }


def main() -> None:
    """Print a table for every song length."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.inference", description=__doc__)
    parser.add_argument("--system", type=Path, help="the YAML of a system (default: full size)")
    parser.add_argument("--song-seconds", default="60", help="comma-separated lengths")
    parser.add_argument("--methods", default=",".join(METHODS), help="comma-separated")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    args = parser.parse_args()
    system = args.system or make_full_size()
    speed = matrix_speed()
    print(f"{cpu_model()}, {available_cpus()} CPUs; matrix product {speed / 1e9:.0f} GFLOP/s")
    everything = {}
    for seconds in map(int, args.song_seconds.split(",")):
        everything[seconds] = measure(args.methods.split(","), system, seconds, args.runs)
        print(f"\n{table(seconds, everything[seconds])}", flush=True)
    if args.json:
        write_json(args.json, {"matrix_product": speed, "songs": everything})


if __name__ == "__main__":
    main()
