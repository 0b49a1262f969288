"""TFC-TDF-U-Net v1, the predecessor of v2, in torch: for training and export only.

Source: Choi et al., "Investigating U-Nets with various intermediate blocks for spectrogram-based
singing voice separation" (ISMIR 2020), the "large" network; block by block as released.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from mdx.errors import ConfigError


@dataclass(frozen=True)
class TfcTdfV1Spec:
    """Size of one network; the defaults are the released ones (2,232,132 parameters)."""

    dim_f: int = 2049  # frequency bins, every one of n_fft 4096
    n_blocks: int = 9  # U-Net blocks: (n - 1) / 2 down, one in the middle, as many up
    n_layers: int = 5  # convolutions of one TFC
    growth: int = 24  # channels that every convolution makes, on all levels
    kernel: int = 3  # side of every TFC convolution
    bottleneck: int = 16  # a TDF reduces f bins to f / bottleneck units,
    min_units: int = 16  # but never to fewer than these
    channels: int = 4  # L.re, L.im, R.re, R.im, which were released as L.re, R.re, L.im, R.im

    def __post_init__(self) -> None:
        if self.n_blocks < 1 or self.n_blocks % 2 == 0:
            raise ConfigError(
                "TFC-TDF-U-Net v1", got=f"{self.n_blocks} blocks", expected="an odd number"
            )
        multiple = 2**self.n_levels
        if self.dim_f <= multiple or (self.dim_f - 1) % multiple:
            raise ConfigError(
                "TFC-TDF-U-Net v1",
                got=f"dim_f {self.dim_f} with {self.n_levels} levels",
                expected=f"one bin more than a multiple of {multiple}",
            )
        counts = (self.n_layers, self.growth, self.bottleneck, self.min_units)
        if min(counts) < 1 or self.kernel < 1 or self.kernel % 2 == 0:
            raise ConfigError(
                "TFC-TDF-U-Net v1",
                got=f"n_layers, growth, bottleneck, min_units {counts}, kernel {self.kernel}",
                expected="at least 1 each, and an odd kernel",
            )

    @property
    def n_levels(self) -> int:
        """Times that the network halves both axes."""
        return (self.n_blocks - 1) // 2


class DenseTfcTdf(nn.Module):
    """Densely connected convolutions (TFC), plus two linear layers over frequency as a residual.

    Every convolution sees the input and the outputs of all before it; the last output counts.

    Shape: (batch, inputs, T, F) -> (batch, growth, T, F).
    """

    def __init__(self, inputs: int, bins: int, spec: TfcTdfV1Spec) -> None:
        super().__init__()
        self.tfc = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(
                    inputs + layer * spec.growth,
                    spec.growth,
                    spec.kernel,
                    padding=spec.kernel // 2,
                ),
                nn.BatchNorm2d(spec.growth),
                nn.ReLU(),
            )
            for layer in range(spec.n_layers)
        )
        units = max(bins // spec.bottleneck, spec.min_units)
        self.tdf = nn.Sequential(
            nn.Linear(bins, units),
            nn.BatchNorm2d(spec.growth),
            nn.ReLU(),
            nn.Linear(units, bins),
            nn.BatchNorm2d(spec.growth),
            nn.ReLU(),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Shape: (batch, inputs, T, F) -> (batch, growth, T, F)."""
        first, *others = self.tfc
        newest: Tensor = first(x)
        for convolution in others:
            x = torch.cat([newest, x], dim=1)
            newest = convolution(x)
        out: Tensor = newest + self.tdf(newest)
        return out


class TfcTdfV1UNet(nn.Module):
    """TFC-TDF-U-Net v1: a spectrogram of the mixture in, a spectrogram of one source out.

    Skips are concatenated, and the number of channels is the same on all levels.

    Shape: (batch, 4, dim_f, T) -> the same; T a multiple of 2**n_levels.
    """

    def __init__(self, spec: TfcTdfV1Spec) -> None:
        super().__init__()
        self.spec = spec
        wide = spec.growth
        bins = [(spec.dim_f - 1) >> level for level in range(spec.n_levels + 1)]
        # Two bins wide, which makes the odd number of bins even, and back.
        self.first = nn.Sequential(
            nn.Conv2d(spec.channels, wide, (1, 2)), nn.BatchNorm2d(wide), nn.ReLU()
        )
        self.encoders = nn.ModuleList()
        self.downs = nn.ModuleList()
        self.ups = nn.ModuleList()
        self.decoders = nn.ModuleList()
        for level in range(spec.n_levels):
            self.encoders.append(DenseTfcTdf(wide, bins[level], spec))
            self.downs.append(_resize(nn.Conv2d(wide, wide, 2, stride=2), wide))
            self.ups.append(_resize(nn.ConvTranspose2d(wide, wide, 2, stride=2), wide))
            self.decoders.append(DenseTfcTdf(2 * wide, bins[level], spec))
        self.middle = DenseTfcTdf(wide, bins[-1], spec)
        self.last = nn.Conv2d(wide, spec.channels, (1, 2), padding=(0, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Shape: (batch, 4, dim_f, T) -> the same."""
        x = self.first(x.transpose(-1, -2))  # (batch, growth, T, dim_f - 1)
        skips = []
        for encoder, down in zip(self.encoders, self.downs, strict=True):
            x = encoder(x)
            skips.append(x)
            x = down(x)
        x = self.middle(x)
        for up, decoder in zip(reversed(self.ups), reversed(self.decoders), strict=True):
            x = decoder(torch.cat([up(x), skips.pop()], dim=1))
        out: Tensor = self.last(x).transpose(-1, -2)
        return out


def _resize(conv: nn.Module, channels: int) -> nn.Sequential:
    return nn.Sequential(conv, nn.BatchNorm2d(channels))  # without the ReLU of v2
