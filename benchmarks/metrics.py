"""`python -m benchmarks.metrics`: our BSS Eval v4 and museval, on the same four sources.

museval must be installed (the test extras) with ffmpeg on the PATH. On a 240 s track it takes
minutes and several GB.
"""

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.command import errors_in_one_line
from benchmarks.memory import measure_command
from evaluator.bss_eval import framewise_metrics
from evaluator.metrics import framewise_sdr
from evaluator.score_files import METRICS
from mdx.systems.spec import SAMPLE_RATE, SOURCES, Audio

METHODS = ("museval", "full", "sdr")


def make_track(seconds: int) -> tuple[dict[str, Audio], dict[str, Audio]]:
    """Four references of coloured noise, and estimates with leaks and noise.

    Shape: (2, seconds * 44100) each
    """
    rng = np.random.default_rng(0)
    samples = seconds * SAMPLE_RATE
    references = {
        source: np.cumsum(rng.standard_normal((2, samples), np.float32), axis=1) % 1 - 0.5
        for source in SOURCES
    }
    mix = np.sum(list(references.values()), axis=0)
    estimates = {
        source: 0.8 * stem + 0.1 * mix + 0.1 * rng.standard_normal(stem.shape, np.float32)
        for source, stem in references.items()
    }
    return references, estimates


def score(method: str, references: dict[str, Audio], estimates: dict[str, Audio]) -> Any:
    """The metrics of one method. Shape: (metrics, sources, frames)."""
    if method == "sdr":
        return np.array([list(framewise_sdr(references, estimates).values())])
    if method == "full":
        scores = framewise_metrics(references, estimates)
        return np.array([[scores[source][metric] for source in SOURCES] for metric in METRICS])
    from museval.metrics import bss_eval

    # In float64, as musdb hands tracks to museval.
    stacks = [np.stack([x[s].T for s in SOURCES]).astype(float) for x in (references, estimates)]
    return np.array(bss_eval(*stacks, window=SAMPLE_RATE, hop=SAMPLE_RATE)[:4])


def run_child(method: str, seconds: int) -> tuple[float, float, npt.NDArray[np.float64]]:
    """Score in a process of its own; returns seconds, peak memory in MB, and the scores in dB.

    Shape: (metrics, sources, frames)
    """
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "result.npz"
        command = [sys.executable, "-W", "ignore", "-m", "benchmarks.metrics", "--child", method]
        command += ["--seconds", str(seconds), "--result", str(result)]
        peak = measure_command(command).megabytes
        with np.load(result) as stored:
            return float(stored["seconds"]), peak, stored["scores"]


def main() -> None:
    """Print a table of seconds, peak memory and the largest difference from museval."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.metrics", description=__doc__)
    parser.add_argument("--seconds", type=int, default=30, help="length of the track")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--child", choices=METHODS, help=argparse.SUPPRESS)
    parser.add_argument("--result", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        track = make_track(args.seconds)
        if args.child == "museval":
            import museval.metrics  # noqa: F401 - which takes seconds that are not its scores'
        started = time.perf_counter()
        scores = score(args.child, *track)
        np.savez(args.result, seconds=time.perf_counter() - started, scores=scores)
        return
    runs: dict[str, list[Any]] = {method: [] for method in METHODS}
    for _ in range(args.runs):
        for method in METHODS:
            runs[method].append(run_child(method, args.seconds))
    seconds = {method: statistics.median(run[0] for run in runs[method]) for method in METHODS}
    memory = {method: statistics.median(run[1] for run in runs[method]) for method in METHODS}
    expected = runs["museval"][0][2]
    print(f"{args.seconds} s, four sources, median of {args.runs}; museval takes "
          f"{seconds['museval']:.1f} s and {memory['museval']:.0f} MB")  # fmt: skip
    print("| method | times faster | share of the memory | largest difference, dB |")
    print("| ------ | -----------: | ------------------: | ---------------------: |")
    for method in METHODS[1:]:
        ours = runs[method][0][2]
        difference = np.abs(ours - expected[: len(ours)]).max()
        faster, share = seconds["museval"] / seconds[method], memory[method] / memory["museval"]
        print(f"| {method:6} | {faster:12.1f} | {share:19.2f} | {difference:22.1e} |")


if __name__ == "__main__":
    with errors_in_one_line():
        main()
