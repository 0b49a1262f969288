"""A network on disk, behind one small protocol; its graph tells its size."""

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
import onnxruntime as ort

from mdx.errors import NetworkError
from mdx.systems.spec import Audio

LAYOUT = "one float32 input and output of shape (batch, 4, F, T) with fixed F and T"
PROVIDERS = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
    "directml": "DmlExecutionProvider",
}


class Network(Protocol):
    """A separator network: spectrograms of the mixture in, spectrograms of one source out."""

    dim_f: int  # frequency bins
    dim_t: int  # frames
    runtime: str  # the engine, its version and its device
    precision: str

    def __call__(self, spectrogram: Audio) -> Audio:
        """Shape: (4, dim_f, dim_t) -> the same; channels L.re, L.im, R.re, R.im."""
        ...


class End(NamedTuple):
    """An input or output of a graph."""

    name: str
    kind: str
    shape: Sequence[int | str | None]  # what is no int is not fixed


class OnnxNetwork:
    """A network in onnxruntime, fed one chunk a call (batches are slower and larger)."""

    def __init__(self, graph: bytes, name: str, *, threads: int, provider: str = "cpu") -> None:
        """Make a session from the bytes of an ONNX file.

        Raises NetworkError for another layout, or as open_session does: onnxruntime itself would go
        on without a provider that is missing.
        """
        self._session = open_session(graph, name, threads=threads, provider=provider)
        self.dim_f, self.dim_t = check_layout(name, *ends_of(self._session))
        self.runtime = runtime_of(self._session)
        self.precision = precision_of(graph)
        self._input = self._session.get_inputs()[0].name

    def __call__(self, spectrogram: Audio) -> Audio:
        """Shape: (4, dim_f, dim_t) -> the same."""
        output: Audio = self._session.run(None, {self._input: spectrogram[np.newaxis]})[0][0]
        return output


def open_session(
    graph: bytes | Path, name: str, *, threads: int, provider: str
) -> ort.InferenceSession:
    """Load an ONNX file from its bytes, or from its path where it is too large to hold twice.

    `provider` is a key of PROVIDERS. Raises NetworkError where onnxruntime cannot load it, or where
    the provider is not the one at work.
    """
    wanted = PROVIDERS[provider]
    if wanted not in ort.get_available_providers():
        raise NetworkError(
            f"provider {provider}", got=f"onnxruntime with {ort.get_available_providers()}",
            expected=wanted, hint="install the onnxruntime package that has it",
        )  # fmt: skip
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Networks run in turn, so one arena serves all: of its own, each would hold the memory of
    # its busiest moment for ever. A memory pattern would be one large block on top of that.
    _share_arena()
    options.add_session_config_entry("session.use_env_allocators", "1")
    options.enable_mem_pattern = False
    # A signal that is to take over another's memory would keep it from being free till then.
    options.enable_mem_reuse = False
    try:
        session = ort.InferenceSession(
            graph,
            sess_options=options,
            providers=list(dict.fromkeys((wanted, PROVIDERS["cpu"]))),
            enable_fallback=0,  # to the CPU, when a provider fails in the middle of a song
        )
    except Exception as error:  # onnxruntime's errors share no public base class
        raise NetworkError(
            name, got=f"a file onnxruntime cannot load ({error})", expected="an ONNX network"
        ) from error
    # It would keep the bytes for ever, for that fallback.
    session._model_bytes = None
    active = session.get_providers()[0]
    if active != wanted:
        raise NetworkError(name, got=f"a session on {active}", expected=wanted)
    return session


def ends_of(session: ort.InferenceSession) -> tuple[list[End], list[End]]:
    """Inputs and outputs of a session's graph."""
    inputs, outputs = session.get_inputs(), session.get_outputs()
    found = [[End(end.name, end.type, end.shape) for end in ends] for ends in (inputs, outputs)]
    return found[0], found[1]


def runtime_of(session: ort.InferenceSession) -> str:
    """The engine of a session, its version and its device."""
    return f"onnxruntime {ort.__version__} {session.get_providers()[0]}"


def check_layout(name: str, inputs: Sequence[End], outputs: Sequence[End]) -> tuple[int, int]:
    """The bins and frames that a graph takes; raises NetworkError where it is no MDX-Net."""
    shape = inputs[0].shape if len(inputs) == len(outputs) == 1 else []
    bins, frames = shape[2:] if len(shape) == 4 else (None, None)
    if (
        not isinstance(bins, int)
        or not isinstance(frames, int)
        or shape[1] != 4
        or (isinstance(shape[0], int) and shape[0] != 1)
        or list(outputs[0].shape[1:]) != list(shape[1:])
        or not inputs[0].kind == outputs[0].kind == "tensor(float)"
    ):
        ends = [f"{end.name} {end.kind} {list(end.shape)}" for end in (*inputs, *outputs)]
        raise NetworkError(name, got=", ".join(ends), expected=LAYOUT)
    return bins, frames


def precision_of(graph: bytes) -> str:
    """int8 or float32: a quantised graph takes and gives float32 too, its operators tell it."""
    return "int8" if b"QuantizeLinear" in graph else "float32"


@functools.cache
def _share_arena() -> None:
    # onnxruntime keeps one for its process, whoever asks for it first.
    info = ort.OrtMemoryInfo(
        "Cpu", ort.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, ort.OrtMemType.DEFAULT
    )
    ort.create_and_register_allocator(info, ort.OrtArenaCfg(0, -1, -1, -1))
