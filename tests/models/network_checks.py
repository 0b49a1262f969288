"""Checks for every compared network."""

import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from models.architectures import ARCHITECTURES
from models.export import export_network, run_onnx
from models.macs import count_macs
from models.tfc_tdf import count_parameters

SAMPLE_RATE = 44100
ONNX = 1e-4  # of the peak: float32 rounding through the layers


def published_parameters(name: str, size: str) -> int:
    """The parameters of a network at a published size, built without memory."""
    with torch.device("meta"):
        return count_parameters(ARCHITECTURES[name].network(ARCHITECTURES[name].sizes[size]))


def gmacs_per_second(name: str, size: str, *, used: float = 1.0) -> float:
    """Billions of MACs per second of audio for one graph; `used` is the share of a pass kept.

    Torch counts them from shapes alone, since exporting the large networks would take minutes.
    """
    architecture = ARCHITECTURES[name]
    if architecture.dynamic:  # every frame costs the same, and LSTMs are counted step by step
        architecture = replace(architecture, length=8)
    spec = architecture.sizes[size]
    with torch.device("meta"):
        net = architecture.network(spec).eval()
    shape = architecture.input_shape(spec)
    return torch_macs(net, shape) / (shape[-1] * architecture.hop * used / SAMPLE_RATE) / 1e9


def torch_macs(net: nn.Module, shape: tuple[int, ...]) -> int:
    """MACs of one pass, counted by torch: the oracle of models.macs."""
    device = next(net.parameters()).device
    if any(isinstance(module, nn.LSTM) for module in net.modules()):
        # On the meta device its products are counted; on a CPU it is one operator, which is not.
        net, device = copy.deepcopy(net).to("meta"), torch.device("meta")
    net.requires_grad_(False)  # the counter would track gradients of views of parameters
    with FlopCounterMode(display=False) as counter:
        net(torch.zeros(1, *shape, device=device))
    return int(counter.get_total_flops()) // 2


def check_onnx(
    net: nn.Module,
    folder: Path,
    shape: tuple[int, ...],
    *,
    lengths: tuple[int, ...] = (),
    folded: int = 0,
) -> None:
    """Assert that the exported graph equals torch within ONNX, in batches and at any length.

    Its MACs must be equal too, except for `folded` ones that become constants of the graph.
    """
    path = folder / "net.onnx"
    assert export_network(net, path, shape=shape, dynamic=bool(lengths)) <= ONNX
    assert count_macs(onnx.load(path), (1, *shape)) == torch_macs(net, shape) - folded
    rng = np.random.default_rng(1)
    for batch, length in [(1, shape[-1]), (3, shape[-1]), *((1, length) for length in lengths)]:
        mix = rng.standard_normal((batch, *shape[:-1], length)).astype(np.float32)
        with torch.no_grad():
            expected = net(torch.from_numpy(mix)).numpy()
        got = run_onnx(path, mix)
        assert got.shape == expected.shape
        assert np.abs(got - expected).max() <= ONNX * np.abs(expected).max(), (batch, length)
