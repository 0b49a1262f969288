"""A short run of the fuzzer; `python -m tests.fuzz TARGET --seconds 3600` is the long one."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
# A process counts its parent's memory as its own, so a small process must start it.
START = "import subprocess, sys; sys.exit(subprocess.run(sys.argv[1:], check=False).returncode)"
RUNS = {"audio": 300, "onnx": 500, "yaml": 150, "json": 500}


@pytest.mark.skipif(importlib.util.find_spec("atheris") is None, reason="atheris is for Linux")
@pytest.mark.parametrize("target", RUNS)
def test_no_mutated_file_is_more_than_a_line(target: str, tmp_path: Path) -> None:
    findings = tmp_path / "findings"
    child = subprocess.run(
        [sys.executable, "-c", START, sys.executable, "-m", "tests.fuzz", target,
         "--runs", str(RUNS[target]), "--seed", "1", "--findings", findings],
        cwd=ROOT, env={**os.environ, "TMPDIR": str(tmp_path)}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert child.returncode == 0, child.stderr
    assert not list(findings.iterdir())
