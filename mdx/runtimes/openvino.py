"""A network in OpenVINO on the CPU: the same ONNX files in another runtime."""

import threading
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from mdx.errors import NetworkError
from mdx.runtimes.blob_cache import compiled_cache
from mdx.runtimes.network import FLOAT32, End
from mdx.runtimes.normalisation import split_normalisation
from mdx.runtimes.onnx import only_ends, precision_of
from mdx.runtimes.unsigned import make_signals_unsigned
from mdx.runtimes.watched import run_watched
from mdx.systems.spec import Audio


class OpenVinoNetwork:
    """A network compiled by OpenVINO; threads that call it at once wait for each other."""

    def __init__(
        self, graph: Path | bytes, name: str, *, threads: int, lean: bool = False,
        bf16: bool = False,
    ) -> None:  # fmt: skip
        """Compile an ONNX file or its bytes, or load it from the cache of compiled networks.

        A `lean` network releases the memory of its signals after each call, which takes time; with
        `bf16` a float32 graph is computed in bfloat16, with float32 input and output. Raises
        NetworkError if OpenVINO is missing or fails, for several inputs or outputs, or if any axis
        but the batch is not fixed.
        """
        try:
            import openvino as ov
        except ImportError as error:
            raise NetworkError(
                "runtime openvino", got=f"no package ({error})", expected="openvino",
                hint="pip install openvino",
            ) from error  # fmt: skip
        core = _core(ov)
        try:
            content = graph if isinstance(graph, bytes) else graph.read_bytes()
            model = core.read_model(model=content, weights=b"")
            inputs, outputs = [_end(end) for end in model.inputs], [_end(e) for e in model.outputs]
            self.input, self.output = only_ends(name, inputs, outputs)
            self._fix_batch(name, model)
            split_normalisation(ov, model)
            make_signals_unsigned(ov, model)
            self._transposed = len(self.input.shape) > 3
            if self._transposed:
                model = _transpose_ends(ov, model, self.input, self.output)
            settings = _settings(threads, bf16=bf16)
            with compiled_cache(content, settings) as folder:
                cached = {} if folder is None else {"CACHE_DIR": str(folder)}
                self._compiled = core.compile_model(model, "CPU", {**settings, **cached})
        except NetworkError:
            raise
        except Exception as error:  # OpenVINO raises bare RuntimeErrors, of many lines
            reason = str(error).strip().splitlines()[-1]
            raise NetworkError(
                name, got=f"a file OpenVINO cannot load ({reason})", expected="an ONNX network"
            ) from error
        self._request = self._compiled.create_infer_request()
        self._lock = threading.Lock()
        self._lean = lean
        self.runtime = f"openvino {ov.get_version().split('-')[0]} CPU"
        precision = precision_of(content)
        self.precision = "bf16" if bf16 and precision == "float32" else precision

    def __call__(self, values: Audio, out: Audio | None = None) -> Audio:
        """Run the network; with `out`, into that array. Shapes: those of its input and output."""
        if self._transposed:
            values = values.swapaxes(-1, -2)
        # A request holds the signals of one call: one per thread would multiply the memory, and a
        # single call already keeps all threads of the network busy.
        with self._lock:
            try:
                run_watched(lambda: self._infer(values), self._request.cancel)
                found: Audio = self._request.get_output_tensor().data
                if self._transposed:
                    found = found.swapaxes(-1, -2)
                if out is None:
                    return found.copy(order="K")
                out[...] = found
            finally:
                if self._lean:
                    self._compiled.release_memory()
        return out

    def _infer(self, values: Audio) -> None:
        # Asynchronous, since `infer` cannot be cancelled with one thread.
        try:
            self._request.start_async([values], share_inputs=True)
        except BaseException:  # perhaps a signal just after the start: the request is busy then
            with suppress(RuntimeError):
                self._request.wait()
            raise
        self._request.wait()

    def _fix_batch(self, name: str, model: Any) -> None:
        batch, *sizes = self.input.shape
        if batch not in (1, None) or not all(isinstance(size, int) for size in sizes):
            raise NetworkError(
                name, got=str(self.input), expected="a batch of 1 and fixed sizes with OpenVINO",
                hint="use the runtime onnxruntime",
            )  # fmt: skip
        model.reshape({0: [1, *sizes]})


@cache
def _core(ov: Any) -> Any:
    # One per process: on x86 each installs a stack for signal handlers, and restores the previous
    # one when it is freed. If two are freed in the order of their creation, the second restores the
    # first one's stack, which is gone, and the next signal is a segmentation fault.
    return ov.Core()


def _transpose_ends(ov: Any, model: Any, first: End, last: End) -> Any:
    # Frames before bins, as our STFT leaves them in memory and as TFC-TDF-U-Net v2 computes: if a
    # graph starts and ends with the transpose itself, OpenVINO removes both.
    steps = ov.preprocess.PrePostProcessor(model)
    for part, rank in (
        (steps.input().preprocess(), len(first.shape)),
        (steps.output().postprocess(), len(last.shape)),
    ):
        part.convert_layout([*range(rank - 2), rank - 1, rank - 2])
    return steps.build()


def _settings(threads: int, *, bf16: bool) -> dict[str, Any]:
    return {
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": 1,
        "PERFORMANCE_HINT": "LATENCY",
        # On CPUs with bfloat16, OpenVINO would use it by default.
        "INFERENCE_PRECISION_HINT": "bf16" if bf16 else "f32",
        # With pinning, processes that share a machine would all run on its first cores.
        "ENABLE_CPU_PINNING": False,
    }


def _end(end: Any) -> End:
    kind = end.element_type.get_type_name()
    shape = [size.get_length() if size.is_static else None for size in end.partial_shape]
    return End(end.any_name, FLOAT32 if kind == "f32" else f"tensor({kind})", shape)
