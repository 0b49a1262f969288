"""`python -m benchmarks.songs`: time and memory of rendering demo songs, from start to end."""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from benchmarks.command import errors_in_one_line
from benchmarks.memory import ROOT
from evaluator.tables import markdown_table

POLL = 0.1  # seconds between two samples of the processes' memory
PART = 0.25  # of a run: its first and its last quarter are compared


class Sample(NamedTuple):
    """The memory of the largest process of a run at one moment."""

    seconds: float  # since the start
    megabytes: float  # resident


class Run(NamedTuple):
    """What a command took, with all processes that it started and waited for."""

    seconds: float
    cpu_seconds: float
    samples: list[Sample]

    @property
    def ends(self) -> tuple[float, float]:
        """The peak memory of a process in the first and in the last quarter of the run, MB."""
        first = [held for at, held in self.samples if at <= PART * self.seconds]
        last = [held for at, held in self.samples if at >= (1 - PART) * self.seconds]
        return max(first, default=0.0), max(last, default=0.0)


def watch_command(command: list[str]) -> Run:
    """Run a command in the repository, sampling the memory of its processes.

    Raises CalledProcessError where it fails. Needs /proc.
    """
    samples = []
    started = time.perf_counter()
    child = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, start_new_session=True)
    while True:
        pid, status, usage = os.wait4(child.pid, os.WNOHANG)
        seconds = time.perf_counter() - started
        if pid:
            break
        samples.append(Sample(seconds, largest_process(child.pid)))
        time.sleep(POLL)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise subprocess.CalledProcessError(child.returncode, command)
    return Run(seconds, usage.ru_utime + usage.ru_stime, samples)


def largest_process(group: int) -> float:
    """The resident memory of the largest process of a group, MB; 0 where none is left."""
    held = [0.0]
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, IndexError, ValueError):  # ended while we look
            # After the name, which may hold anything: state, parent, group.
            fields = (folder / "stat").read_text(errors="replace").rpartition(")")[2].split()
            if int(fields[2]) == group:
                pages = int((folder / "statm").read_text().split()[1])
                held.append(pages * os.sysconf("SC_PAGE_SIZE") / 1e6)
    return max(held)


def songs_table(run: Run, songs: int, seconds: float, jobs: int) -> str:
    """A run as a table, for so many songs of so many seconds."""
    first, last = run.ends
    header = ["songs", "seconds each", "jobs", "wall time, s", "CPU s per s of audio",
              "largest process at the start, MB", "at the end, MB"]  # fmt: skip
    row = [f"{songs}", f"{seconds:g}", f"{jobs}", f"{run.seconds:.0f}",
           f"{run.cpu_seconds / (songs * seconds):.2f}", f"{first:.0f}", f"{last:.0f}"]  # fmt: skip
    return markdown_table(header, [row])


def main() -> None:
    """Render songs into a folder that is removed again, and print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.songs", description=__doc__)
    parser.add_argument("--train", type=int, default=100, help="songs")
    parser.add_argument("--test", type=int, default=20, help="songs")
    parser.add_argument("--seconds", type=float, default=30.0, help="of each song")
    parser.add_argument("--jobs", type=int, default=2, help="songs rendered at once")
    args = parser.parse_args()
    command = [sys.executable, "-m", "demo"]
    for name in ("train", "test", "seconds", "jobs"):
        command += [f"--{name}", f"{getattr(args, name):g}"]
    with tempfile.TemporaryDirectory() as folder:
        run = watch_command([*command, "--out", str(Path(folder) / "songs")])
    print(songs_table(run, args.train + args.test, args.seconds, args.jobs))


if __name__ == "__main__":
    with errors_in_one_line():
        main()
