"""The GPU of this machine, and what its data sheet promises."""

import re
import shutil
import subprocess
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mdx.errors import ConfigError
from mdx.machine import cpu_model

QUERY = ["--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"]
SECONDS = 30  # that nvidia-smi may take
# Dense operations a second, by part of the name that nvidia-smi gives; the first one counts.
# Source: NVIDIA's data sheets. Where one states sparse figures only, these are half of them.
PEAKS: Mapping[str, Mapping[str, float]] = {
    "H200 NVL": {"bf16": 835e12, "tf32": 418e12, "float32": 60e12},
    "H200": {"bf16": 989e12, "tf32": 494e12, "float32": 67e12},
    "H100 NVL": {"bf16": 835e12, "tf32": 418e12, "float32": 60e12},
    "H100 PCIe": {"bf16": 756e12, "tf32": 378e12, "float32": 51e12},
    "H100": {"bf16": 989e12, "tf32": 494e12, "float32": 67e12},
    "A100": {"bf16": 312e12, "tf32": 156e12, "float32": 19.5e12},
    "L40S": {"bf16": 362e12, "tf32": 183e12, "float32": 91.6e12},
    "L4": {"bf16": 121e12, "tf32": 60e12, "float32": 30.3e12},
}


@dataclass(frozen=True)
class Device:
    """What networks are measured on."""

    kind: str  # of torch, and of onnxruntime's provider: cuda or cpu
    name: str
    about: str = ""

    def share(self, operations: float, precision: str) -> float | None:
        """Operations a second in percent of the peak; None where the device is not known."""
        words = re.split(r"[\s-]+", self.name)
        for name, peaks in PEAKS.items():
            if all(word in words for word in name.split()):
                return 100 * operations / peaks[precision]
        return None


def find_device(kind: str) -> Device:
    """The GPU (`gpu`), or this machine's CPU (`cpu`).

    Raises ConfigError where nvidia-smi finds no GPU.
    """
    if kind == "cpu":
        return Device("cpu", cpu_model())
    hint = "--device cpu tries everything in miniature"
    program = shutil.which("nvidia-smi")
    if program is None:
        raise ConfigError("GPU", got="no nvidia-smi", expected="an NVIDIA GPU", hint=hint)
    try:
        found = subprocess.run(
            [program, *QUERY], capture_output=True, text=True, check=False, timeout=SECONDS
        )
    except subprocess.TimeoutExpired as error:
        raise ConfigError(
            "GPU", got="no answer of nvidia-smi", expected="its GPUs", hint=hint
        ) from error
    if found.returncode or not found.stdout.strip():
        said = (found.stdout + found.stderr).strip().splitlines() or ["nothing"]
        raise ConfigError("GPU", got=f"'{said[-1]}'", expected="an NVIDIA GPU", hint=hint)
    first, *others = found.stdout.strip().splitlines()
    name, memory, driver = (part.strip() for part in first.split(","))
    more = f", the first of {len(others) + 1}" if others else ""
    return Device("cuda", name, f"{memory}, driver {driver}{more}")


def library_folders() -> list[str]:
    """Where packages of NVIDIA's put CUDA's libraries, which onnxruntime does not look for."""
    packages = Path(sysconfig.get_path("purelib"))
    return sorted(str(path) for path in packages.glob("nvidia/**/lib") if path.is_dir())
