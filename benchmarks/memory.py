"""`python -m benchmarks.memory`: peak memory for songs of different lengths, file to files.

The environment variables of predict.py, such as MDX_PRECISION and MDX_RUNTIME, apply.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile as sf

from benchmarks.command import errors_in_one_line
from mdx.systems.find import find_system
from mdx.systems.spec import SAMPLE_RATE

ROOT = Path(__file__).resolve().parent.parent
POLL = 0.02  # seconds between two looks at a process's memory


def write_song(path: Path, seconds: int) -> None:
    """Write a song of noise, second by second."""
    rng = np.random.default_rng(0)
    with sf.SoundFile(path, "w", SAMPLE_RATE, 2, "PCM_16") as file:
        for _ in range(seconds):
            file.write(rng.uniform(-0.5, 0.5, (SAMPLE_RATE, 2)))


def peak_memory(system: str, song: Path, out: Path) -> float:
    """Separate a song in a child process; returns its peak resident memory in MB."""
    command = [sys.executable, str(ROOT / "predict.py"), str(song), "-o", str(out)]
    return measure_command([*command, "--system", system]).megabytes


class Usage(NamedTuple):
    """What a process took, from its start to its end."""

    seconds: float
    megabytes: float  # resident at most


def measure_command(command: list[str]) -> Usage:
    """Run a command in the repository. Raises CalledProcessError where it fails."""
    started = time.perf_counter()
    child = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    peak, pid, status = 0, 0, 0
    while not pid:
        time.sleep(POLL)
        peak = max(peak, _peak_so_far(child.pid))
        pid, status, usage = os.wait4(child.pid, os.WNOHANG)
    seconds = time.perf_counter() - started
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise subprocess.CalledProcessError(child.returncode, command)
    unit = 1 if sys.platform == "darwin" else 1024  # bytes a unit of ru_maxrss
    return Usage(seconds, (peak or usage.ru_maxrss * unit) / 1e6)


def _peak_so_far(pid: int) -> int:
    # Bytes; 0 where the system does not tell. What it tells at the end (ru_maxrss) may be the
    # memory of this process, which the child had for the moment of its start.
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0


def main() -> None:
    """Print a table of song length and peak memory."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory", description=__doc__)
    parser.add_argument("--system", default="demo")
    parser.add_argument("--song-seconds", default="60,1800", help="comma-separated lengths")
    args = parser.parse_args()
    find_system(args.system)  # an error before anything is measured
    print("| song, s | peak memory, MB | above the first, MB |")
    print("| ------: | --------------: | ------------------: |")
    first = None
    for seconds in map(int, args.song_seconds.split(",")):
        with tempfile.TemporaryDirectory() as folder:
            song = Path(folder) / "song.wav"
            write_song(song, seconds)
            peak = peak_memory(args.system, song, Path(folder) / "out")
        first = peak if first is None else first
        print(f"| {seconds:7d} | {peak:15.0f} | {peak - first:19.0f} |", flush=True)


if __name__ == "__main__":
    with errors_in_one_line():
        main()
