"""What the networks run on: which runtime, on which device, with how many threads."""

import functools
import logging
import platform
from dataclasses import dataclass
from pathlib import Path

from mdx.errors import ConfigError, NetworkError
from mdx.machine import available_cpus, has_vnni
from mdx.runtimes.companion_net import OnnxCompanion
from mdx.runtimes.onnx import PROVIDERS, Network, OnnxNetwork, precision_of
from mdx.runtimes.openvino import OpenVinoNetwork

log = logging.getLogger(__name__)
RUNTIMES = ("auto", "onnxruntime", "openvino")


@dataclass(frozen=True)
class Engine:
    """How networks are run; raises ConfigError for what cannot be."""

    runtime: str = "auto"  # onnxruntime; for int8 OpenVINO, on Linux on an x86 CPU with VNNI
    provider: str = "cpu"  # of onnxruntime; OpenVINO runs on the CPU here
    threads: int | None = None  # None: one for every CPU that this process may use
    lean: bool = False  # OpenVINO holds little memory between calls, at the cost of some time

    def __post_init__(self) -> None:
        for key, allowed in (("runtime", RUNTIMES), ("provider", tuple(PROVIDERS))):
            got = getattr(self, key)
            if got not in allowed:
                raise ConfigError(key, got=f"'{got}'", expected=f"one of {', '.join(allowed)}")
        if self.runtime == "openvino" and self.provider != "cpu":
            raise ConfigError("provider", got=f"'{self.provider}'", expected="cpu with openvino")
        if self.threads is not None and self.threads < 1:
            raise ConfigError("threads", got=self.threads, expected="at least 1")

    @property
    def workers(self) -> int:
        """Threads at work."""
        return available_cpus() if self.threads is None else self.threads

    def open(self, graph: bytes, name: str) -> Network:
        """Make a network from the bytes of an ONNX file.

        Where OpenVINO was not asked for by name and fails, onnxruntime takes its place, with a
        warning. Raises NetworkError.
        """
        if self.runtime == "openvino":
            return OpenVinoNetwork(graph, name, threads=self.workers, lean=self.lean)
        # In float32, and without VNNI in int8 too, onnxruntime is as fast and takes less memory.
        faster = precision_of(graph) == "int8" and self.provider == "cpu" and _prefers_openvino()
        if self.runtime == "auto" and faster:
            try:
                return OpenVinoNetwork(graph, name, threads=self.workers, lean=self.lean)
            except NetworkError as error:
                _warn(f"{error}; onnxruntime takes OpenVINO's place")
        return OnnxNetwork(graph, name, threads=self.workers, provider=self.provider)

    def open_companion(self, path: Path, name: str, *, precision: str) -> OnnxCompanion:
        """Make a companion from an ONNX file, in onnxruntime: lengths vary. Raises NetworkError."""
        return OnnxCompanion(
            path, name, precision=precision, threads=self.workers, provider=self.provider
        )


def _prefers_openvino() -> bool:
    return platform.machine().lower() in ("x86_64", "amd64") and has_vnni()


@functools.cache
def _warn(message: str) -> None:
    # Once a reason: where the package is missing, every network would say so.
    log.warning(message)
