"""The measurement of a run counts all of its processes, and detects growing memory."""

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.songs import Run, Sample, songs_table, watch_command

# A child of the command does the work, like a job of the renderer: half a second of CPU, and 150 MB
# in the second half of the run only.
WORK = """
import time
time.sleep(0.7)
data = bytearray(b"x") * 150_000_000
started = time.process_time()
while time.process_time() - started < 0.5:
    pass
"""
PARENT = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {WORK!r}])"
STARTS = 1.0  # most CPU seconds that two starts of Python take


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
def test_children_count_and_growth_is_seen() -> None:
    run = watch_command([sys.executable, "-c", PARENT])
    assert 0.5 <= run.cpu_seconds < 0.5 + STARTS and run.seconds > 1.2
    first, last = run.ends
    assert 3 < first < 60 and 150 < last < 210


def test_a_failed_run_is_an_error() -> None:
    with pytest.raises(subprocess.CalledProcessError):
        watch_command([sys.executable, "-c", "raise SystemExit(3)"])


def test_the_ends_are_the_quarters() -> None:
    held = [50.0, 100.0, 300.0, 900.0, 400.0, 120.0, 110.0]
    run = Run(8.0, 24.0, [Sample(1.0 + i, value) for i, value in enumerate(held)])
    assert run.ends == (100.0, 120.0)
    assert Run(8.0, 24.0, []).ends == (0.0, 0.0)
    row = [cell.strip() for cell in songs_table(run, 4, 2.0, 2).splitlines()[-1].split("|")]
    assert row[1:-1] == ["4", "2", "2", "8", "3.00", "100", "120"]
