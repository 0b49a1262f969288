"""The choice of a runtime for networks, its device and its threads."""

import functools
import logging
import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from mdx.errors import ConfigError, NetworkError
from mdx.machine import available_cpus, cpu_model, has_bf16, has_vnni
from mdx.runtimes.network import Network
from mdx.runtimes.onnx import PROVIDERS, OnnxNetwork, precision_of
from mdx.runtimes.openvino import OpenVinoNetwork

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Runtime:
    """How networks are run; raises ConfigError for impossible settings."""

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
        """Number of threads in use."""
        return available_cpus() if self.threads is None else self.threads

    @property
    def computes_bf16(self) -> bool:
        """Whether float32 networks of fixed sizes can be computed in bfloat16 here, and faster."""
        return self._lack_of_bf16() is None

    def open(
        self, path: Path, name: str, *, fixed: bool = True, precision: str = "float32"
    ) -> Network:
        """Make a network from an ONNX file.

        A network whose sizes are not `fixed` runs in onnxruntime, which then holds little memory
        for it between calls. Others are computed in bfloat16 with the `precision` bf16; with auto,
        if the machine can do that and the network is not int8. Where it can, OpenVINO computes
        whatever is not quantised in an int8 network in bfloat16 too. Raises NetworkError.
        """
        if not fixed:
            return OnnxNetwork(
                path, name, threads=self.workers, provider=self.provider, lean=True
            )  # fmt: skip
        if precision == "bf16" and (lack := self._lack_of_bf16()):
            raise NetworkError("precision bf16", got=lack[0], expected=lack[1])
        plain = precision == "auto" and self.computes_bf16 and precision_of(path) == "float32"
        if precision == "bf16" or plain:
            return OpenVinoNetwork(path, name, threads=self.workers, lean=self.lean, bf16=True)
        return RUNTIMES[self.name](self, path, name)

    def _lack_of_bf16(self) -> tuple[str, str] | None:
        # What was got, and what bfloat16 needs instead; None: nothing is lacking.
        if self.provider != "cpu":
            return f"the provider {self.provider}", "cpu"
        if self.name == "onnxruntime":
            return "the runtime onnxruntime", "openvino or auto"
        if not (_is_x86() and has_bf16()):
            return cpu_model(), "a CPU with avx512_bf16 or amx_bf16; float32 and int8 need none"
        if find_spec("openvino") is None:
            return "no package openvino", "pip install openvino"
        return None


def _open_onnx(runtime: Runtime, path: Path, name: str) -> Network:
    return OnnxNetwork(path, name, threads=runtime.workers, provider=runtime.provider)


def _open_openvino(runtime: Runtime, path: Path, name: str) -> Network:
    # The layers of an int8 network that stay in float32 may take most of its time.
    bf16 = precision_of(path) == "int8" and runtime.computes_bf16
    return OpenVinoNetwork(path, name, threads=runtime.workers, lean=runtime.lean, bf16=bf16)


def _open_fastest(runtime: Runtime, path: Path, name: str) -> Network:
    # In float32, and in int8 without VNNI, onnxruntime is as fast and takes less memory.
    if runtime.provider == "cpu" and _has_fast_int8() and precision_of(path) == "int8":
        try:
            return _open_openvino(runtime, path, name)
        except NetworkError as error:
            _warn(f"{error}; onnxruntime is used instead of OpenVINO")
    return _open_onnx(runtime, path, name)


RUNTIMES: Mapping[str, Callable[[Runtime, Path, str], Network]] = {
    "auto": _open_fastest,
    "onnxruntime": _open_onnx,
    "openvino": _open_openvino,
}


def _has_fast_int8() -> bool:
    return _is_x86() and has_vnni()


def _is_x86() -> bool:
    return platform.machine().lower() in ("x86_64", "amd64")


@functools.cache
def _warn(message: str) -> None:
    # Once per reason: without the package, every network would repeat it.
    log.warning(message)
