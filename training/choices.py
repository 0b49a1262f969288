"""What a configuration chooses by name: networks, losses, optimizers, schedules."""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler, OneCycleLR

from models.tfc_tdf import TfcTdfSpec, TfcTdfUNet
from models.tfc_tdf_v1 import TfcTdfV1Spec, TfcTdfV1UNet
from models.tfc_tdf_v3 import TfcTdfV3Spec, TfcTdfV3UNet

Size = TfcTdfSpec | TfcTdfV1Spec | TfcTdfV3Spec
Weights = Iterable[nn.Parameter]

WARM_UP = 0.1  # share of a one-cycle run in which the learning rate rises
COSINE_WARM_UP = 0.05  # the same of a cosine run
COSINE_END = 1e-3  # what is left of the learning rate at its end


@dataclass(frozen=True)
class Architecture:
    """A kind of network: what its size is made of, and how a scale gets into its weights."""

    size: type[Size]
    network: Callable[[Any], nn.Module]
    fold_scale: Callable[[nn.Module, float], None]  # net(x) becomes scale * net(x / scale)
    many: bool = False  # one network may make several sources

    def takes(self, key: str) -> bool:
        """Whether a value of this name belongs to the size."""
        return key in {field.name for field in fields(self.size)}


def fold_into_ends(net: nn.Module, scale: float) -> None:
    """Fold a scale into the first and the last convolution of v1 and v2, in place.

    Nothing comes before the first and after the last, so the fold is exact.
    """
    first, last = net.get_submodule("first.0"), net.get_submodule("last")
    assert isinstance(first, nn.Conv2d) and isinstance(last, nn.Conv2d) and last.bias is not None
    with torch.no_grad():
        first.weight /= scale
        last.weight *= scale
        last.bias *= scale


def fold_into_buffer(net: nn.Module, scale: float) -> None:
    """Multiply the scale that v3 has in its graph, in place."""
    assert isinstance(net, TfcTdfV3UNet)
    net.scale *= scale


def _cosine(steps: int) -> Callable[[int], float]:
    warm_up = max(1, round(COSINE_WARM_UP * steps))

    def share(step: int) -> float:
        """The rate of a step, as a share of the highest one."""
        if step < warm_up:
            return (step + 1) / warm_up
        done = min(1.0, (step - warm_up) / max(1, steps - warm_up))
        return COSINE_END + (1 - COSINE_END) * (1 + math.cos(math.pi * done)) / 2

    return share


def _one_cycle(optimizer: Optimizer, rate: float, steps: int) -> LRScheduler:
    # Only optimizers of Adam's kind have a momentum that can follow.
    cycle = "betas" in optimizer.defaults
    return OneCycleLR(
        optimizer, rate, total_steps=steps, pct_start=WARM_UP, cycle_momentum=cycle
    )  # fmt: skip


ARCHITECTURES: Mapping[str, Architecture] = {
    "tfc_tdf_v2": Architecture(TfcTdfSpec, TfcTdfUNet, fold_into_ends),
    "tfc_tdf_v1": Architecture(TfcTdfV1Spec, TfcTdfV1UNet, fold_into_ends),
    "tfc_tdf_v3": Architecture(TfcTdfV3Spec, TfcTdfV3UNet, fold_into_buffer, many=True),
}
LOSSES: Mapping[str, Callable[[Tensor, Tensor], Tensor]] = {
    "l1": functional.l1_loss,  # the paper's
    "mse": functional.mse_loss,  # the released code's
}
# (weights, learning rate, weight decay)
OPTIMIZERS: Mapping[str, Callable[[Weights, float, float], Optimizer]] = {
    # Without momentum, as in the paper.
    "rmsprop": lambda weights, rate, decay: torch.optim.RMSprop(
        weights, lr=rate, weight_decay=decay
    ),
    "adam": lambda weights, rate, decay: torch.optim.Adam(weights, lr=rate, weight_decay=decay),
    "adamw": lambda weights, rate, decay: torch.optim.AdamW(weights, lr=rate, weight_decay=decay),
}
# (optimizer, learning rate, steps); None: the rate stays as it is
SCHEDULES: Mapping[str, Callable[[Optimizer, float, int], LRScheduler | None]] = {
    "constant": lambda *_: None,
    "one_cycle": _one_cycle,
    "cosine": lambda optimizer, _, steps: LambdaLR(optimizer, _cosine(steps)),
}
