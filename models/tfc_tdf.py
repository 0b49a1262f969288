"""TFC-TDF-U-Net v2, the separator of KUIELab-MDX-Net, in torch: for training and export only.

Source: Kim et al., "KUIELab-MDX-Net" (ISMIR 2021), section 2; block by block as released.
"""

from dataclasses import dataclass

from torch import Tensor, nn

from mdx.errors import ConfigError


@dataclass(frozen=True)
class TfcTdfSpec:
    """Size of one network; the defaults are the paper's (7,423,236 parameters)."""

    dim_f: int = 2048  # frequency bins
    n_blocks: int = 11  # U-Net blocks: (n - 1) / 2 down, one in the middle, as many up
    n_layers: int = 3  # convolutions of one TFC (the paper's l)
    growth: int = 32  # channels of the first block, and what each level adds (g)
    kernel: int = 3  # side of every TFC convolution (k)
    bottleneck: int = 8  # a TDF reduces f bins to f / bottleneck units (bn)
    channels: int = 4  # L.re, L.im, R.re, R.im

    def __post_init__(self) -> None:
        if self.n_blocks % 2 == 0:
            raise ConfigError(
                "TFC-TDF-U-Net", got=f"{self.n_blocks} blocks", expected="an odd number"
            )
        if self.dim_f % 2**self.n_levels or (self.dim_f >> self.n_levels) < self.bottleneck:
            raise ConfigError(
                "TFC-TDF-U-Net",
                got=f"dim_f {self.dim_f} with {self.n_levels} levels, bottleneck {self.bottleneck}",
                expected=f"dim_f a multiple of {2**self.n_levels}, "
                f"at least {self.bottleneck << self.n_levels}",
            )

    @property
    def n_levels(self) -> int:
        """Times that the network halves both axes."""
        return (self.n_blocks - 1) // 2


class TfcTdf(nn.Module):
    """A chain of convolutions (TFC), plus two linear layers over frequency (TDF) as a residual.

    Shape: (batch, channels, T, F) -> the same.
    """

    def __init__(self, channels: int, bins: int, spec: TfcTdfSpec) -> None:
        super().__init__()
        pad = spec.kernel // 2
        self.tfc = nn.Sequential(
            *(
                nn.Sequential(
                    nn.Conv2d(channels, channels, spec.kernel, padding=pad),
                    nn.BatchNorm2d(channels),
                    nn.ReLU(),
                )
                for _ in range(spec.n_layers)
            )
        )
        units = bins // spec.bottleneck
        self.tdf = nn.Sequential(
            nn.Linear(bins, units, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.Linear(units, bins, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Shape: (batch, channels, T, F) -> the same."""
        x = self.tfc(x)
        out: Tensor = x + self.tdf(x)
        return out


def _resize(conv: nn.Module, channels: int) -> nn.Sequential:
    return nn.Sequential(conv, nn.BatchNorm2d(channels), nn.ReLU())


class TfcTdfUNet(nn.Module):
    """TFC-TDF-U-Net v2: a spectrogram of the mixture in, a spectrogram of one source out.

    Skips are multiplied, not concatenated; both axes halve at each level while channels grow.

    Shape: (batch, 4, dim_f, T) -> the same; T a multiple of 2**n_levels.
    """

    def __init__(self, spec: TfcTdfSpec) -> None:
        super().__init__()
        self.spec = spec
        widths = [spec.growth * (level + 1) for level in range(spec.n_levels + 1)]
        bins = [spec.dim_f >> level for level in range(spec.n_levels + 1)]
        self.first = _resize(nn.Conv2d(spec.channels, widths[0], 1), widths[0])
        self.encoders = nn.ModuleList()
        self.downs = nn.ModuleList()
        self.ups = nn.ModuleList()
        self.decoders = nn.ModuleList()
        for level in range(spec.n_levels):
            wide, wider = widths[level], widths[level + 1]
            self.encoders.append(TfcTdf(wide, bins[level], spec))
            self.downs.append(_resize(nn.Conv2d(wide, wider, 2, stride=2), wider))
            self.ups.append(_resize(nn.ConvTranspose2d(wider, wide, 2, stride=2), wide))
            self.decoders.append(TfcTdf(wide, bins[level], spec))
        self.middle = TfcTdf(widths[-1], bins[-1], spec)
        self.last = nn.Conv2d(widths[0], spec.channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Shape: (batch, 4, dim_f, T) -> the same."""
        # (batch, channels, T, F), for linear layers that act on F; the first and the last layer
        # read one bin each, so the transpose can be where there are fewest channels.
        x = self.between(self.first(x.transpose(-1, -2)))
        out: Tensor = self.last(x).transpose(-1, -2)
        return out

    def between(self, x: Tensor) -> Tensor:
        """The U between the first layer and the last. Shape: (batch, growth, T, F) -> the same."""
        skips = []
        for encoder, down in zip(self.encoders, self.downs, strict=True):
            x = encoder(x)
            skips.append(x)
            x = down(x)
        x = self.middle(x)
        for up, decoder in zip(reversed(self.ups), reversed(self.decoders), strict=True):
            x = decoder(up(x) * skips.pop())
        return x


def count_parameters(net: nn.Module) -> int:
    """Trainable parameters of a network."""
    return sum(parameter.numel() for parameter in net.parameters() if parameter.requires_grad)
