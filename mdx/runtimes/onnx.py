"""A network in onnxruntime."""

import functools
import mmap
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnxruntime as ort

from mdx.errors import NetworkError
from mdx.runtimes.network import End
from mdx.runtimes.watched import run_watched
from mdx.systems.spec import Audio

PROVIDERS: Mapping[str, str] = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
    "directml": "DmlExecutionProvider",
}


class OnnxNetwork:
    """A network in onnxruntime, whose sessions several threads may run at once."""

    def __init__(
        self, graph: Path | bytes, name: str, *, threads: int, provider: str = "cpu",
        lean: bool = False,
    ) -> None:  # fmt: skip
        """Make a session from an ONNX file, or from its bytes, which onnxruntime then keeps.

        `provider` is a key of PROVIDERS; a `lean` network holds little memory between calls.
        Raises NetworkError for several inputs or outputs, or as open_session does.
        """
        self._session = open_session(graph, name, threads=threads, provider=provider)
        inputs, outputs = (
            [End(end.name, end.type, end.shape) for end in ends]
            for ends in (self._session.get_inputs(), self._session.get_outputs())
        )
        self.input, self.output = only_ends(name, inputs, outputs)
        self.runtime = f"onnxruntime {ort.__version__} {self._session.get_providers()[0]}"
        self.precision = precision_of(graph)
        self._lean = lean

    def __call__(self, values: Audio, out: Audio | None = None) -> Audio:
        """Run the network; with `out`, into that array. Shapes: those of its input and output."""
        options = ort.RunOptions()
        if self._lean:
            options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")

        def end() -> None:
            options.terminate = True

        if out is None:
            feeds = {self.input.name: values}
            found: Audio = run_watched(lambda: self._session.run(None, feeds, options)[0], end)
            return found
        # An output that the session allocates would keep its memory from being freed.
        ends = self._session.io_binding()
        ends.bind_cpu_input(self.input.name, np.ascontiguousarray(values))
        ends.bind_output(self.output.name, "cpu", 0, np.float32, out.shape, out.ctypes.data)
        run_watched(lambda: self._session.run_with_iobinding(ends, options), end)
        return out


def open_session(
    graph: Path | bytes, name: str, *, threads: int, provider: str
) -> ort.InferenceSession:
    """Load an ONNX file, or its bytes.

    `provider` is a key of PROVIDERS. Raises NetworkError if onnxruntime cannot load it, or if the
    provider is not actually used: onnxruntime itself would carry on without it.
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
    # The arena of `share_arena`, if the process has asked for one.
    options.add_session_config_entry("session.use_env_allocators", "1")
    # A memory pattern would be one large block on top of the arena, and buffer reuse would keep
    # memory allocated until the last consumer has run.
    options.enable_mem_pattern = False
    options.enable_mem_reuse = False
    try:
        session = ort.InferenceSession(
            graph,
            sess_options=options,
            providers=list(dict.fromkeys((wanted, PROVIDERS["cpu"]))),
            enable_fallback=0,  # to the CPU, if a provider fails in mid-song
        )
    except Exception as error:  # onnxruntime's errors share no public base class
        raise NetworkError(
            name, got=f"a file onnxruntime cannot load ({error})", expected="an ONNX network"
        ) from error
    active = session.get_providers()[0]
    if active != wanted:
        raise NetworkError(name, got=f"a session on {active}", expected=wanted)
    return session


def only_ends(name: str, inputs: list[End], outputs: list[End]) -> tuple[End, End]:
    """The only input and the only output of a graph; raises NetworkError if there are more."""
    if len(inputs) != 1 or len(outputs) != 1:
        got = ", ".join(map(str, (*inputs, *outputs)))
        raise NetworkError(name, got=got, expected="a network with one input and one output")
    return inputs[0], outputs[0]


def precision_of(graph: Path | bytes) -> str:
    """int8 or float32, by the graph's operators: quantised graphs have float32 inputs as well."""
    if isinstance(graph, bytes):
        return "int8" if b"QuantizeLinear" in graph else "float32"
    with graph.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return "float32" if content.find(b"QuantizeLinear") < 0 else "int8"


@functools.cache
def share_arena() -> None:
    """Have all networks of this process take their memory from one arena.

    They run one after another: with an arena of its own, each would keep its peak memory forever.
    onnxruntime keeps the arena for the whole process, so a program has to ask for it, not a
    library; networks loaded earlier do not use it.
    """
    info = ort.OrtMemoryInfo(
        "Cpu", ort.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, ort.OrtMemType.DEFAULT
    )
    ort.create_and_register_allocator(info, ort.OrtArenaCfg(0, -1, -1, -1))
