"""Torch to ONNX: onnxruntime is compared with torch before a file is kept."""

from pathlib import Path

import numpy as np
import onnx
import torch
from torch import nn

from mdx.errors import NetworkError
from mdx.files import replacing
from mdx.machine import available_cpus
from mdx.runtimes.onnx import OnnxNetwork
from models.onnx_graph import onnx_graph
from models.prepare import split_normalisation

MAX_RELATIVE_ERROR = 1e-5  # of the output's peak: float32 rounding through some 60 layers


def export_onnx(
    net: nn.Module, path: Path, *, dim_f: int, dim_t: int, prepare: bool = True
) -> float:
    """Write a separator network as ONNX with a dynamic batch and fixed F and T, in float32.

    `prepare` rewrites the graph for runtimes, by models.prepare. Returns the largest difference
    between onnxruntime and torch on random input, relative to the output's peak. Raises
    NetworkError, and keeps no file, where that exceeds MAX_RELATIVE_ERROR.
    """
    net = net.eval()
    rng = np.random.default_rng(0)
    spectrogram = rng.standard_normal((4, dim_f, dim_t)).astype(np.float32)
    example = torch.from_numpy(spectrogram)[None]
    with replacing(path) as draft:
        model = onnx_graph(net, (4, dim_f, dim_t))
        if prepare:
            split_normalisation(model)
        onnx.save(model, draft)
        with torch.no_grad():
            expected = net(example)[0].numpy()
        got = OnnxNetwork(draft, path.name, threads=available_cpus())(spectrogram[np.newaxis])[0]
        error = float(np.abs(got - expected).max() / np.abs(expected).max())
        check_equal(path, error, MAX_RELATIVE_ERROR)
    return error


def check_equal(path: Path, error: float, most: float) -> None:
    """Raise NetworkError if the error is too large, before a file is kept.

    `error` is the difference between onnxruntime and torch, relative to the output's peak.
    """
    if not error <= most:
        raise NetworkError(
            path,
            got=f"a relative error of {error:.1e} between onnxruntime and torch",
            expected=f"at most {most:.0e}",
            hint="the file was not kept",
        )
