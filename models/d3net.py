"""D3Net, dilated dense blocks in two bands and over all bins, in torch: for conversion and export.

Published procedure: STFT of 4096 samples with a periodic Hann window, hop 1024, reflection at both
ends; patches of 256 frames (bass 384) that overlap by half, outputs averaged, with silent frames
before the song so that each frame is in two; every patch also with left and right swapped, both
outputs averaged; the four magnitudes with the mixture's phase start D3Net's own Wiener filter over
the whole song; no shifts, no normalisation.

Source: Takahashi and Mitsufuji, "D3Net: Densely connected multidilated DenseNet for music source
separation" (2020), in the sizes of the released weights, which differ from the paper's in the
middle band.
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from mdx.errors import ConfigError
from models.d3net_blocks import Band, BandSpec, DenseBlock

LOW = BandSpec(32, (16, 18, 20, 22, 20, 18, 16), (5, 5, 5, 5, 4, 4, 4), parts=2)
MIDDLE = BandSpec(8, (2,) * 5, (1,) * 5, parts=1)
FULL = BandSpec(32, (13, 14, 15, 16, 17, 16, 14, 12, 11), (4, 5, 6, 7, 8, 6, 5, 4, 4), parts=2)


@dataclass(frozen=True)
class D3NetSpec:
    """Size of one network; the defaults are those of vocals and other (2,967,407 parameters)."""

    dim_f: int = 2049  # frequency bins, every one of n_fft 4096
    bins: int = 1600  # the network models the lowest of these, and copies the others
    split: int = 256  # bins of the low band; the middle band has the others
    low: BandSpec = field(default=LOW)
    middle: BandSpec = field(default=MIDDLE)
    full: BandSpec = field(default=FULL)
    final_growth: int = 12  # of the dense block over everything
    final_layers: int = 3
    channels: int = 2

    def __post_init__(self) -> None:
        if not 0 < self.split < self.bins < self.dim_f:
            raise ConfigError(
                "D3Net",
                got=f"split {self.split}, bins {self.bins}, dim_f {self.dim_f}",
                expected="each less than the next",
            )
        sizes = {"low": self.split, "middle": self.bins - self.split, "full": self.bins}
        for name, size in sizes.items():
            multiple = 2 ** getattr(self, name).n_levels
            if size % multiple:
                raise ConfigError(
                    f"D3Net {name} band",
                    got=f"{size} bins",
                    expected=f"a multiple of {multiple}",
                )

    @property
    def multiple(self) -> int:
        """The number that the number of frames must be a multiple of."""
        return 1 << max(band.n_levels for band in (self.low, self.middle, self.full))


DRUMS = D3NetSpec(
    split=128,
    low=BandSpec(32, LOW.growth, (5, 5, 5, 4, 4, 4, 4), parts=2),
    full=BandSpec(32, (13, 14, 15, 16, 16, 16, 14, 12, 11), (4, 5, 6, 7, 8, 6, 6, 4, 4), parts=2),
)
BASS = D3NetSpec(
    split=192,
    low=BandSpec(32, (16, 18, 18, 20, 18, 16, 16), (5, 5, 5, 5, 4, 4, 4), parts=2),
    middle=BandSpec(8, (2,) * 7, (1,) * 7, parts=1),
    full=BandSpec(32, (10, 10, 12, 14, 16, 14, 12, 8, 8), (4, 5, 6, 7, 8, 6, 6, 4, 4), parts=2),
)


class D3Net(nn.Module):
    """D3Net: magnitudes of the mixture in, those of one source out, not as a mask.

    Shape: (batch, 2, dim_f, T) -> (batch, 1, 2, dim_f, T); T a multiple of `spec.multiple`.
    """

    def __init__(self, spec: D3NetSpec) -> None:
        super().__init__()
        self.spec = spec
        self.in_offset = nn.Parameter(torch.zeros(spec.dim_f))
        self.in_scale = nn.Parameter(torch.ones(spec.dim_f))
        self.decode_scale = nn.Parameter(torch.ones(spec.bins))
        self.decode_bias = nn.Parameter(torch.zeros(spec.bins))
        self.low = Band(spec.low, spec.channels)
        self.middle = Band(spec.middle, spec.channels)
        self.dense_full = Band(spec.full, spec.channels)
        wide = spec.low.growth[-1]
        self.match_fm_conv = nn.Sequential(
            nn.BatchNorm2d(spec.middle.growth[-1]), nn.Conv2d(spec.middle.growth[-1], wide, 1)
        )
        self.final_dense = DenseBlock(
            wide + spec.full.growth[-1], spec.final_growth, spec.final_layers
        )
        self.out_gate = Gate(spec.final_growth, spec.channels)

    def forward(self, mix: Tensor) -> Tensor:
        """Shape: (batch, 2, dim_f, T) -> (batch, 1, 2, dim_f, T)."""
        spec = self.spec
        x = mix.transpose(-1, -2)  # (batch, 2, T, dim_f)
        x = (x - self.in_offset) / self.in_scale
        low = self.low(x[..., : spec.split])
        middle = self.match_fm_conv(self.middle(x[..., spec.split : spec.bins]))
        full = self.dense_full(x[..., : spec.bins])
        x = torch.cat([torch.cat([low, middle], dim=-1), full], dim=1)
        x = self.out_gate(self.final_dense(x))
        modelled = (x * self.decode_scale + self.decode_bias).relu().transpose(-1, -2)
        return torch.cat([modelled, mix[:, :, spec.bins :]], dim=2).unsqueeze(1)


class Gate(nn.Module):
    """BatchNorm, and a gated 1x1 convolution.

    Shape: (batch, inputs, T, F) -> (batch, outputs, T, F).
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.bn = nn.BatchNorm2d(inputs)
        self.conv_gate = nn.Conv2d(inputs, outputs, 1)
        self.conv_filt = nn.Conv2d(inputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Shape: (batch, inputs, T, F) -> (batch, outputs, T, F)."""
        x = self.bn(x)
        out: Tensor = self.conv_gate(x).sigmoid() * self.conv_filt(x)
        return out
