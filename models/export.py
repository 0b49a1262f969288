"""Torch to ONNX: onnxruntime is compared with torch before a file is kept."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import torch
from torch import nn

from mdx.errors import NetworkError
from mdx.files import replacing
from mdx.machine import available_cpus
from mdx.runtimes.onnx import OnnxNetwork
from models.onnx_graph import onnx_graph
from models.prepare import split_normalisation

MAX_RELATIVE_ERROR = 1e-4  # float32 rounding through a hundred layers
# Under instance and group norms, whose sums over all bins and frames add up: 1.1e-4 was measured
# for 4096 bins of 256 frames, 5.2e-4 for 1024 frames.
MAX_NORMALISED_ERROR = 1e-3

Values = npt.NDArray[np.float32]


def export_network(
    net: nn.Module, path: Path, *, shape: tuple[int, ...], dynamic: bool = False,
    prepare: bool = True, called: Path | None = None,
) -> float:  # fmt: skip
    """Write a network as ONNX, "input" to "output", with a dynamic batch, in float32.

    `shape` is the input's without the batch; with `dynamic` its last axis may have any length;
    `prepare` rewrites the graph for runtimes, by models.prepare; `called` is its name in errors.
    Returns the `relative_error` of onnxruntime against torch on random input. Raises NetworkError,
    and keeps no file, where that exceeds `allowed_error`.
    """
    net = net.eval()
    # One song: of the largest network's chunks, two would take 20 GB.
    mix = np.random.default_rng(0).standard_normal((1, *shape)).astype(np.float32)
    with replacing(path) as draft:
        model = onnx_graph(net, shape, dynamic=dynamic)
        if prepare:
            split_normalisation(model)
        onnx.save(model, draft)
        with torch.no_grad():
            expected = net(torch.from_numpy(mix)).numpy()
        error = relative_error(run_onnx(draft, mix), expected)
        check_equal(called or path, error, allowed_error(model))
    return error


def allowed_error(model: onnx.ModelProto) -> float:
    """The largest `relative_error` that is rounding alone."""
    normalised = any(node.op_type == "InstanceNormalization" for node in model.graph.node)
    return MAX_NORMALISED_ERROR if normalised else MAX_RELATIVE_ERROR


def run_onnx(graph: Path | bytes, mix: Values) -> Values:
    """Run a graph of one input and one output in onnxruntime on this machine's CPU.

    Shape: (batch, ...) -> (batch, ...)
    """
    return OnnxNetwork(graph, "graph", threads=available_cpus())(mix)


def relative_error(found: Values, expected: Values) -> float:
    """Their difference relative to `expected`, by energy or by the peak, whichever is more.

    NaN if there is any. Shape: any, the same for both
    """
    # A network behind a ReLU may be silent, with weights that were not trained.
    energy = np.linalg.norm(found - expected) / (np.linalg.norm(expected) or 1.0)
    peak = np.abs(found - expected).max() / (np.abs(expected).max() or 1.0)
    return float(np.maximum(energy, peak))


def check_equal(path: Path, error: float, most: float = MAX_RELATIVE_ERROR) -> None:
    """Raise NetworkError if a `relative_error` of onnxruntime is too large to keep its file."""
    if not error <= most:
        raise NetworkError(
            path,
            got=f"a relative error of {error:.1e} between onnxruntime and torch",
            expected=f"at most {most:.0e}",
            hint="the file was not kept",
        )
