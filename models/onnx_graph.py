"""Torch to an ONNX graph by the exporter, without traces of the machine it ran on."""

import logging
import warnings

import onnx
import torch
from torch import nn

from models.onnx_lstm import with_onnx_lstms

OPSET = 18

# The exporter warns about every missing operator of torchvision.
logging.getLogger("torch.onnx").setLevel(logging.ERROR)


def onnx_graph(net: nn.Module, shape: tuple[int, ...], *, dynamic: bool = False) -> onnx.ModelProto:
    """The graph of a network with a dynamic batch, "input" to "output".

    `shape` is the input's without the batch; with `dynamic` its last axis may have any length.
    """
    axes = {0: torch.export.Dim("batch")}
    if dynamic:
        axes[len(shape)] = torch.export.Dim("length")
    # Two examples: an axis of size 1 would be taken for a constant.
    example = torch.zeros(2, *shape)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter calls old names of torch's own
        program = torch.onnx.export(
            with_onnx_lstms(net),
            (example,),
            input_names=["input"],
            output_names=["output"],
            dynamic_shapes=(axes,),
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    model: onnx.ModelProto = program.model_proto
    _forget_origin(model)
    return model


def _forget_origin(model: onnx.ModelProto) -> None:
    # The exporter notes the source line of every node, with the paths of the machine it ran on.
    graph = model.graph
    values = (*graph.value_info, *graph.initializer, *graph.input, *graph.output)
    del model.metadata_props[:]
    for part in (graph, *graph.node, *values):
        del part.metadata_props[:]
        part.doc_string = ""
