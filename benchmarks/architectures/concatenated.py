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

    def between(self, x: Tensor) -> Tensor:
        """The U between the first layer and the last. Shape: (batch, growth, T, F) -> the same."""
        skips = []
        for encoder, down in zip(self.encoders, self.downs, strict=True):
            skips.append(encoder(x))
            x = down(skips[-1])
        x = self.middle(x)
        levels = zip(self.ups, self.merges, self.decoders, skips, strict=True)
        for up, merge, decoder, skip in reversed(list(levels)):
            x = decoder(merge(torch.cat([up(x), skip], dim=1)))
        return x
