"""`python -m benchmarks.startup`: from process start to the first chunk entering a network.

The environment variables of predict.py, such as MDX_PRECISION and MDX_RUNTIME, apply.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.command import errors_in_one_line
from benchmarks.memory import ROOT, write_song
from mdx.systems.find import find_system

CHILD = """
import os, sys, time
import predict
from mdx.runtimes.onnx import OnnxNetwork
from mdx.runtimes.openvino import OpenVinoNetwork

def stop(network, values, out=None):
    print(time.time(), flush=True)
    os._exit(0)

OnnxNetwork.__call__ = OpenVinoNetwork.__call__ = stop
song, out, system = sys.argv[1:]
sys.exit(predict.main([song, "-o", out, "--system", system]))
"""


def first_chunk_seconds(system: str, song: Path, out: Path) -> float:
    """Seconds from starting a process to its first chunk; the interpreter's start included."""
    started = time.time()
    child = subprocess.run(
        [sys.executable, "-c", CHILD, str(song), str(out), system],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return float(child.stdout) - started


def main() -> None:
    """Print the median and the extremes of several starts."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.startup", description=__doc__)
    parser.add_argument("--system", default="demo")
    parser.add_argument("--runs", type=int, default=9)
    args = parser.parse_args()
    find_system(args.system)  # an error before anything is measured
    with tempfile.TemporaryDirectory() as folder:
        song = Path(folder) / "song.wav"
        write_song(song, 30)
        runs = [
            first_chunk_seconds(args.system, song, Path(folder) / "out") for _ in range(args.runs)
        ]
    print("| system | runs | median, s | fastest, s | slowest, s |")
    print("| ------ | ---: | --------: | ---------: | ---------: |")
    median = statistics.median(runs)
    print(f"| {args.system} | {args.runs} | {median:.2f} | {min(runs):.2f} | {max(runs):.2f} |")


if __name__ == "__main__":
    with errors_in_one_line():
        main()
