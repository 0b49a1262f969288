"""Processes that start at the same time while OpenVINO's cache is empty."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from benchmarks.memory import ROOT
from benchmarks.soak.journal import Row
from evaluator.fingerprints import hash_file
from mdx.systems.spec import SOURCES

PROCESSES = 4


def try_start(number: int, system: str, song: Path, out: Path) -> Row:
    """Separate a song in several processes at once, with a shared, empty cache."""
    cache = out / "cache"
    shutil.rmtree(cache, ignore_errors=True)
    env = {**os.environ, "XDG_CACHE_HOME": str(cache), "MDX_THREADS": "1"}
    folders = [out / f"process-{index}" for index in range(PROCESSES)]
    children = [
        subprocess.Popen(
            [sys.executable, str(ROOT / "predict.py"), str(song), "-o", str(folder), "--system",
             system, "--precision", "int8", "--runtime", "openvino"],
            cwd=ROOT, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )
        for folder in folders
    ]  # fmt: skip
    ends = [(child.communicate()[1], child.returncode) for child in children]
    problems = [f"exit code {code}: {said[-200:]}" for said, code in ends if code]
    stems = {
        tuple(hash_file(folder / song.stem / f"{source}.wav") for source in SOURCES)
        for folder, (_, code) in zip(folders, ends, strict=True) if not code
    }  # fmt: skip
    if len(stems) > 1:
        problems.append(f"{len(stems)} different results")
    return {"number": number, "bad": bool(problems), "problems": problems}
