"""Networks that can be trained, by name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import nn

from models.tfc_tdf import TfcTdfSpec, TfcTdfUNet
from models.tfc_tdf_v1 import TfcTdfV1Spec, TfcTdfV1UNet
from models.tfc_tdf_v3 import TfcTdfV3Spec, TfcTdfV3UNet

Size = TfcTdfSpec | TfcTdfV1Spec | TfcTdfV3Spec


@dataclass(frozen=True)
class Architecture:
    """A kind of network: its configuration keys, and how a scale is folded into its weights."""

    size: type[Size]
    network: Callable[[Any], nn.Module]
    fold_scale: Callable[[nn.Module, float], None]  # net(x) becomes scale * net(x / scale)
    many: bool = False  # one network may make several sources

    def takes(self, key: str) -> bool:
        """Whether this configuration key is part of the size."""
        return key in {field.name for field in fields(self.size)}


def fold_into_ends(net: nn.Module, scale: float) -> None:
    """Fold a scale into the first and the last convolution of v1 and v2, in place.

    Nothing precedes the first or follows the last, so this is exact.
    """
    first, last = net.get_submodule("first.0"), net.get_submodule("last")
    assert isinstance(first, nn.Conv2d) and isinstance(last, nn.Conv2d) and last.bias is not None
    with torch.no_grad():
        first.weight /= scale
        last.weight *= scale
        last.bias *= scale


def fold_into_buffer(net: nn.Module, scale: float) -> None:
    """Multiply the scale buffer of v3, in place."""
    assert isinstance(net, TfcTdfV3UNet)
    net.scale *= scale


ARCHITECTURES: Mapping[str, Architecture] = {
    "tfc_tdf_v2": Architecture(TfcTdfSpec, TfcTdfUNet, fold_into_ends),
    "tfc_tdf_v1": Architecture(TfcTdfV1Spec, TfcTdfV1UNet, fold_into_ends),
    "tfc_tdf_v3": Architecture(TfcTdfV3Spec, TfcTdfV3UNet, fold_into_buffer, many=True),
}
