"""Torch to ONNX: onnxruntime is compared with torch before a file is kept."""

import logging
import warnings
from pathlib import Path

import numpy as np
import onnx
import torch
from torch import nn

from mdx.errors import NetworkError
from mdx.files import draft_of
from mdx.machine import available_cpus
from mdx.runtimes.onnx import OnnxNetwork
from models.prepare import split_normalisation

OPSET = 18
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
    with draft_of(path) as draft:
        model = _graph(net, example)
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


# The exporter warns about every missing operator of torchvision.
logging.getLogger("torch.onnx").setLevel(logging.ERROR)


def _graph(net: nn.Module, example: torch.Tensor) -> onnx.ModelProto:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter calls old names of torch's own
        program = torch.onnx.export(
            net,
            # Two examples: an axis of size 1 would be taken for a constant.
            (torch.cat([example, example]),),
            input_names=["input"],
            output_names=["output"],
            dynamic_shapes=({0: torch.export.Dim("batch")},),
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    model: onnx.ModelProto = program.model_proto
    # The exporter notes the source line of every node, with the paths of the machine it ran on.
    del model.metadata_props[:]
    graph = model.graph
    values = (*graph.value_info, *graph.initializer, *graph.input, *graph.output)
    for part in (graph, *graph.node, *values):
        del part.metadata_props[:]
        part.doc_string = ""
    return model
