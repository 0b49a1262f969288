"""A network of models.architectures as ONNX, compared with torch before a file is kept."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import torch
from torch import nn

from mdx.files import replacing
from mdx.machine import available_cpus
from mdx.runtimes.onnx import OnnxNetwork
from models.export import check_equal
from models.onnx_graph import onnx_graph
from models.prepare import split_normalisation

MAX_RELATIVE_ERROR = 1e-4  # of the output's peak: float32 rounding through a hundred layers
# More for each bin of each frame under instance norms, whose sums over all of them onnxruntime
# rounds at every term: 1.1e-4 was measured for 4096 bins of 256 frames, 5.2e-4 for 1024 frames.
ERROR_OF_A_TERM = 1.5e-10


def export_network(
    net: nn.Module, path: Path, *, shape: tuple[int, ...], dynamic: bool = False
) -> float:
    """Write a network as ONNX, "input" to "output", with a dynamic batch, in float32.

    `shape` is the input's without the batch; with `dynamic` its last axis may have any length.
    Returns the largest difference between onnxruntime and torch on random input, relative to the
    output's peak. Raises NetworkError, and keeps no file, where that exceeds `allowed_error`.
    """
    net = net.eval()
    with replacing(path) as draft:
        model = onnx_graph(net, shape, dynamic=dynamic)
        split_normalisation(model)
        onnx.save(model, draft)
        error = _difference(net, draft, shape)
        check_equal(path, error, allowed_error(model, shape))
    return error


def allowed_error(model: onnx.ModelProto, shape: tuple[int, ...]) -> float:
    """The largest difference from torch that is float32 rounding, relative to the output's peak.

    `shape` is the input's without the batch; bins and frames are its last axes.
    """
    kinds = {node.op_type for node in model.graph.node}
    terms = shape[-2] * shape[-1] if "InstanceNormalization" in kinds else 0
    return max(MAX_RELATIVE_ERROR, terms * ERROR_OF_A_TERM)


def run_onnx(graph: Path | bytes, mix: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Run a graph of one input and one output in onnxruntime on this machine's CPU.

    Shape: (batch, ...) -> (batch, ...)
    """
    return OnnxNetwork(graph, "graph", threads=available_cpus())(mix)


def _difference(net: nn.Module, draft: Path, shape: tuple[int, ...]) -> float:
    # One song: of the largest network's chunks, two would take 20 GB.
    mix = np.random.default_rng(0).standard_normal((1, *shape)).astype(np.float32)
    with torch.no_grad():
        expected = net(torch.from_numpy(mix)).numpy()
    difference = np.abs(run_onnx(draft, mix) - expected).max()
    # A network behind a ReLU may be silent, with weights that were not trained.
    return float(difference / (np.abs(expected).max() or 1.0))
