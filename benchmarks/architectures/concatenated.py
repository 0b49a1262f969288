"""TFC-TDF-U-Net v2 with the skips of v1, which are concatenated instead of multiplied."""

import torch
from torch import Tensor, nn

from models.tfc_tdf import TfcTdfSpec, TfcTdfUNet


class ConcatenatedUNet(TfcTdfUNet):
    """v2 otherwise; a 1x1 convolution reduces both halves to the level's channels.

    Shape: (batch, 4, dim_f, T) -> the same; T a multiple of 2**n_levels.
    """

    def __init__(self, spec: TfcTdfSpec) -> None:
        super().__init__(spec)
        widths = [spec.growth * (level + 1) for level in range(spec.n_levels)]
        self.merges = nn.ModuleList(nn.Conv2d(2 * wide, wide, 1) for wide in widths)

    def join(self, x: Tensor, skip: Tensor, *, level: int) -> Tensor:
        """Concatenate and merge both. Shape: (batch, channels, T, F) for all."""
        merged: Tensor = self.merges[level](torch.cat([x, skip], dim=1))
        return merged
