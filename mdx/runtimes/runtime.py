"""What the networks run on: which runtime, on which device, with how many threads."""

import functools
import logging
import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from mdx.errors import ConfigError, NetworkError
from mdx.machine import available_cpus, has_vnni
from mdx.runtimes.network import Network
from mdx.runtimes.onnx import PROVIDERS, OnnxNetwork, precision_of
from mdx.runtimes.openvino import OpenVinoNetwork

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Runtime:
    """How networks are run; raises ConfigError for what cannot be."""

    name: str = "auto"  # a key of RUNTIMES
    provider: str = "cpu"  # of onnxruntime; OpenVINO runs on the CPU here
    threads: int | None = None  # None: one for every CPU that this process may use
    lean: bool = False  # OpenVINO holds little memory between calls, at the cost of some time

    def __post_init__(self) -> None:
        for key, got, allowed in (
            ("runtime", self.name, RUNTIMES), ("provider", self.provider, PROVIDERS),
        ):  # fmt: skip
            if got not in allowed:
                raise ConfigError(key, got=f"'{got}'", expected=f"one of {', '.join(allowed)}")
        if self.name == "openvino" and self.provider != "cpu":
            raise ConfigError("provider", got=f"'{self.provider}'", expected="cpu with openvino")
        if self.threads is not None and self.threads < 1:
            raise ConfigError("threads", got=self.threads, expected="at least 1")

    @property
    def workers(self) -> int:
        """Threads at work."""
        return available_cpus() if self.threads is None else self.threads

    def open(self, path: Path, name: str, *, fixed: bool = True) -> Network:
        """Make a network from an ONNX file.

        One whose sizes are not `fixed` is for onnxruntime, which also holds little memory of it
        between calls. Raises NetworkError.
        """
        if not fixed:
            return OnnxNetwork(
                path, name, threads=self.workers, provider=self.provider, lean=True
            )  # fmt: skip
        return RUNTIMES[self.name](self, path, name)


def _open_onnx(runtime: Runtime, path: Path, name: str) -> Network:
    return OnnxNetwork(path, name, threads=runtime.workers, provider=runtime.provider)


def _open_openvino(runtime: Runtime, path: Path, name: str) -> Network:
    return OpenVinoNetwork(path, name, threads=runtime.workers, lean=runtime.lean)


def _open_fastest(runtime: Runtime, path: Path, name: str) -> Network:
    # In float32, and without VNNI in int8 too, onnxruntime is as fast and takes less memory.
    if runtime.provider == "cpu" and _has_fast_int8() and precision_of(path) == "int8":
        try:
            return _open_openvino(runtime, path, name)
        except NetworkError as error:
            _warn(f"{error}; onnxruntime takes OpenVINO's place")
    return _open_onnx(runtime, path, name)


RUNTIMES: Mapping[str, Callable[[Runtime, Path, str], Network]] = {
    "auto": _open_fastest,
    "onnxruntime": _open_onnx,
    "openvino": _open_openvino,
}


def _has_fast_int8() -> bool:
    return platform.machine().lower() in ("x86_64", "amd64") and has_vnni()


@functools.cache
def _warn(message: str) -> None:
    # Once a reason: where the package is missing, every network would say so.
    log.warning(message)
