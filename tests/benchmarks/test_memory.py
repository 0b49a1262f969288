"""The measured memory is that of the command, however much this process holds."""

import subprocess
import sys

import numpy as np
import pytest

from benchmarks.memory import measure_command


def test_memory_is_that_of_the_command_alone() -> None:
    ballast = np.ones(40_000_000)  # 320 MB here
    small, large = (
        measure_command([sys.executable, "-c", f"import time; x = b'1' * {size}; time.sleep(0.2)"])
        for size in (1, 100_000_000)
    )
    assert ballast.size and small.megabytes < 100
    assert 90 < large.megabytes - small.megabytes < 130
    assert small.seconds >= 0.2


def test_a_command_that_fails_is_an_error() -> None:
    with pytest.raises(subprocess.CalledProcessError):
        measure_command([sys.executable, "-c", "raise SystemExit(3)"])
