"""Whether the package and onnxruntime's for CUDA can be installed on this machine."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from benchmarks.gpu.task import Figures, Task
from evaluator.children import ROOT

PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
QUIET = ["--quiet", "--retries", "1", "--timeout", "10"]
# Beside what this Python has already, and without the index.
OFFLINE = ["--no-index", "--no-deps", "--no-build-isolation"]
ATTEMPTS = 6  # at most
RUNTIME = "onnxruntime-gpu"
PROVIDERS = "import json, onnxruntime; print(json.dumps(onnxruntime.get_available_providers()))"
LEFT_OUT = shutil.ignore_patterns(".*", "out", "build", "*.egg-info", "__pycache__")


def package(task: Task) -> Figures:
    """Whether it can be installed here, and onnxruntime's package for CUDA."""
    return {**try_installing(task.seconds / ATTEMPTS)}


def try_installing(seconds: float, root: Path = ROOT) -> dict[str, str]:
    """Install both into places that are removed again; `yes`, or why not.

    Each attempt may take so many seconds.
    """
    found = {}
    with tempfile.TemporaryDirectory() as name:
        fresh, beside, source = (Path(name) / part for part in ("fresh", "beside", "source"))
        shutil.copytree(root, source, ignore=LEFT_OUT)  # a build leaves folders in it
        say = _try([sys.executable, "-m", "venv", "--without-pip", str(fresh)], seconds)
        if say == "yes":
            install = [*PIP, "--python", str(fresh), "install", *QUIET]
            constraints = ["--constraint", str(source / "constraints.txt")]
            say = _try([*install, *constraints, str(source)], seconds)
            found[f"{RUNTIME}, from the index"] = _try([*install, RUNTIME], seconds)
        found["package, from the index"] = say
        install = [*PIP, "install", *QUIET, *OFFLINE, "--target", str(beside)]
        say = found["package, beside what is here"] = _try([*install, str(source)], seconds)
        if say == "yes":
            command = [sys.executable, "-m", "mdx", "systems"]
            found["and runs"] = _try(command, seconds, {**os.environ, "PYTHONPATH": str(beside)})
    found["providers of onnxruntime here"] = _providers()
    return found


def _try(command: list[str], seconds: float, env: Mapping[str, str] | None = None) -> str:
    try:
        run = subprocess.run(
            command, cwd=tempfile.gettempdir(), env=env, capture_output=True, text=True,
            check=False, timeout=seconds,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return f"not done within {seconds:.3g} s"
    if run.returncode == 0:
        return "yes"
    lines = [line for line in run.stderr.splitlines() if line.strip()] or ["no reason"]
    return f"no: {lines[-1].strip().removeprefix('ERROR: ')}"


def _providers() -> str:
    run = subprocess.run(
        [sys.executable, "-c", PROVIDERS], capture_output=True, text=True, check=False
    )
    if run.returncode:
        return f"no: {(run.stderr.strip().splitlines() or ['no reason'])[-1]}"
    return ", ".join(json.loads(run.stdout))
