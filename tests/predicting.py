"""Runs predict.py in a child process."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def run(*arguments: object, root: Path = ROOT, **env: object) -> "subprocess.CompletedProcess[str]":
    """Run predict.py in a child process, as users and the grader do."""
    inherited = {
        key: value
        for key, value in os.environ.items()
        if key not in ("AICROWD_IS_GRADING", "PARTIAL_RUN_MUSIC_NAMES")
    }
    return subprocess.run(
        [sys.executable, str(root / "predict.py"), *map(str, arguments)],
        cwd=root,
        env=inherited | {key: str(value) for key, value in env.items()},
        capture_output=True,
        text=True,
        check=False,
    )
