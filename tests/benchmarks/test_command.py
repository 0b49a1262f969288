"""Benchmarks that cannot measure end with one line."""

import subprocess
import sys

import pytest

from tests.predicting import ROOT


@pytest.mark.parametrize("name", ["inference", "limit", "memory", "precision", "startup"])
def test_an_unknown_system_takes_one_line(name: str) -> None:
    command = [sys.executable, "-m", f"benchmarks.{name}", "--system", "nosuch"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 1
    assert ended.stderr.startswith("error: system: got 'nosuch', expected one of ")
    assert ended.stderr.count("\n") == 1
