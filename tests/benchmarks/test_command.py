"""Benchmarks that cannot measure end with one line, and mix no results."""

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.command import errors_in_one_line, keep_settings
from mdx.errors import ConfigError
from tests.predicting import ROOT


@pytest.mark.parametrize("name", ["inference", "limit", "memory", "precision", "startup"])
def test_an_unknown_system_takes_one_line(name: str) -> None:
    command = [sys.executable, "-m", f"benchmarks.{name}", "--system", "nosuch"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 1
    assert ended.stderr.startswith("error: system: got 'nosuch', expected one of ")
    assert ended.stderr.count("\n") == 1


def test_a_command_that_failed_is_named() -> None:
    command = [sys.executable, "-c", "raise SystemExit(3)"]
    named = r"error: .* -c 'raise SystemExit\(3\)': exit code 3"
    with pytest.raises(SystemExit, match=named), errors_in_one_line():
        subprocess.run(command, check=True)


def test_results_of_other_settings_are_not_reused(tmp_path: Path) -> None:
    keep_settings(tmp_path / "out", data="a", songs=2)
    keep_settings(tmp_path / "out", data="a", songs=2)
    with pytest.raises(ConfigError, match=r"got results of .*'a'.*, expected those of .*'b'"):
        keep_settings(tmp_path / "out", data="b", songs=2)


def test_an_interruption_takes_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended, errors_in_one_line():
        raise KeyboardInterrupt
    assert ended.value.code == 130 and capsys.readouterr().err == "interrupted\n"
