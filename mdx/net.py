"""A network on disk, behind one small protocol; its graph tells its size."""

from typing import Protocol

import numpy as np
import onnxruntime as ort

from mdx.errors import NetworkError
from mdx.spec import Audio

LAYOUT = "one float32 input and output of shape (batch, 4, F, T) with fixed F and T"


class Network(Protocol):
    """A separator network: spectrograms of the mixture in, spectrograms of one source out."""

    dim_f: int  # frequency bins
    dim_t: int  # frames
    runtime: str  # the engine, its version and its device
    precision: str

    def __call__(self, spectrogram: Audio) -> Audio:
        """Shape: (4, dim_f, dim_t) -> the same; channels L.re, L.im, R.re, R.im."""
        ...


class OnnxNetwork:
    """A network in onnxruntime on the CPU, fed one chunk a call (batches are slower and larger)."""

    def __init__(self, graph: bytes, name: str, *, threads: int) -> None:
        """Make a session from the bytes of an ONNX file; raises NetworkError for another layout."""
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            self._session = ort.InferenceSession(
                graph, sess_options=options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime's errors share no public base class
            raise NetworkError(
                name, got=f"a file onnxruntime cannot load ({error})", expected="an ONNX network"
            ) from error
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        shape = inputs[0].shape if len(inputs) == len(outputs) == 1 else []
        if (
            len(shape) != 4
            or shape[1] != 4
            or not all(isinstance(size, int) for size in shape[2:])
            or (isinstance(shape[0], int) and shape[0] != 1)
            or outputs[0].shape[1:] != shape[1:]
            or not inputs[0].type == outputs[0].type == "tensor(float)"
        ):
            ends = [f"{end.name} {end.type} {end.shape}" for end in (*inputs, *outputs)]
            raise NetworkError(name, got=", ".join(ends), expected=LAYOUT)
        self.dim_f: int = shape[2]
        self.dim_t: int = shape[3]
        self.runtime = f"onnxruntime {ort.__version__} {self._session.get_providers()[0]}"
        # A quantised graph takes and gives float32 too; its operators tell it.
        self.precision = "int8" if b"QuantizeLinear" in graph else "float32"
        self._input: str = inputs[0].name

    def __call__(self, spectrogram: Audio) -> Audio:
        """Shape: (4, dim_f, dim_t) -> the same."""
        output: Audio = self._session.run(None, {self._input: spectrogram[np.newaxis]})[0][0]
        return output
