"""Random weights for tests and benchmarks, where no released ones are available."""

from typing import TypeVar

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

Net = TypeVar("Net", bound=nn.Module)


def randomise(net: Net, *, seed: int) -> Net:
    """Give a network seeded weights and lively BatchNorm statistics, and put it in evaluation mode.

    Layers get torch's own initial weights. Fresh BatchNorm layers are near-identities: random
    statistics give tests and benchmarks a network in which every layer matters.
    """
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        for module in net.modules():
            if isinstance(module, _BatchNorm):
                enliven(module)
            elif callable(reset := getattr(module, "reset_parameters", None)):
                reset()
    return net.eval()


def enliven(norm: _BatchNorm) -> None:
    """Give a BatchNorm layer random statistics and weights."""
    assert norm.running_mean is not None and norm.running_var is not None
    nn.init.normal_(norm.running_mean, std=0.1)
    nn.init.uniform_(norm.running_var, 0.5, 1.5)
    if norm.affine:
        nn.init.uniform_(norm.weight, 0.5, 1.5)
        nn.init.normal_(norm.bias, std=0.1)
