"""A network in OpenVINO on the CPU: the same ONNX file by another engine."""

import os
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from mdx.errors import NetworkError
from mdx.runtimes.onnx import End, check_layout, precision_of
from mdx.systems.spec import Audio


class OpenVinoNetwork:
    """A network compiled by OpenVINO, fed one chunk a call."""

    def __init__(self, graph: bytes, name: str, *, threads: int, lean: bool = False) -> None:
        """Compile the bytes of an ONNX file, or take them from the cache compiled.

        A `lean` network gives the memory of its signals back after each chunk, which takes time.
        Raises NetworkError for another layout, or where OpenVINO is missing or cannot do it.
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
            model = core.read_model(model=graph, weights=b"")
            inputs, outputs = map(_end, model.inputs), map(_end, model.outputs)
            self.dim_f, self.dim_t = check_layout(name, list(inputs), list(outputs))
            model.reshape({0: [1, 4, self.dim_f, self.dim_t]})
            model = _turned(ov, model)
            self._compiled = core.compile_model(model, "CPU", _settings(threads))
        except NetworkError:
            raise
        except Exception as error:  # OpenVINO raises bare RuntimeErrors, of many lines
            reason = str(error).strip().splitlines()[-1]
            raise NetworkError(
                name, got=f"a file OpenVINO cannot load ({reason})", expected="an ONNX network"
            ) from error
        self._request = self._compiled.create_infer_request()
        self._lean = lean
        self.runtime = f"openvino {ov.get_version().split('-')[0]} CPU"
        self.precision = precision_of(graph)

    def __call__(self, spectrogram: Audio) -> Audio:
        """Shape: (4, dim_f, dim_t) -> the same."""
        turned = spectrogram.transpose(0, 2, 1)[np.newaxis]
        outputs = self._request.infer([turned], share_inputs=True)
        output: Audio = outputs[0][0].transpose(0, 2, 1)
        if self._lean:
            self._compiled.release_memory()
        return output


@cache
def _core(ov: Any) -> Any:
    # One for the process: on x86 each brings a stack for signal handlers, and puts the former one
    # back when it is freed. Of two that are freed in the order in which they were made, the second
    # puts back the first one's, which is gone, and the next signal is a segmentation fault.
    return ov.Core()


def _turned(ov: Any, model: Any) -> Any:
    # Frames before bins, as our STFT leaves them in memory and as TFC-TDF-U-Net v2 computes: where
    # a graph begins and ends by turning them itself, OpenVINO drops both turns.
    steps = ov.preprocess.PrePostProcessor(model)
    steps.input().preprocess().convert_layout([0, 1, 3, 2])
    steps.output().postprocess().convert_layout([0, 1, 3, 2])
    return steps.build()


def _settings(threads: int) -> dict[str, Any]:
    settings = {
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": 1,
        "PERFORMANCE_HINT": "LATENCY",
        # On CPUs with bfloat16 OpenVINO would round to it unasked.
        "INFERENCE_PRECISION_HINT": "f32",
        # Pinned, processes that share a machine would all sit on its first cores.
        "ENABLE_CPU_PINNING": False,
    }
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mdx" / "openvino"
    try:
        cache.mkdir(parents=True, exist_ok=True)
    except OSError:  # a home that cannot be written: every start compiles anew
        return settings
    return {**settings, "CACHE_DIR": str(cache)}


def _end(end: Any) -> End:
    kinds = {"f32": "tensor(float)"}
    kind = end.element_type.get_type_name()
    shape = [size.get_length() if size.is_static else None for size in end.partial_shape]
    return End(end.any_name, kinds.get(kind, f"tensor({kind})"), shape)
