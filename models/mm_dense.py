"""MMDenseNet and MMDenseLSTM, dense blocks in bands, in torch: for conversion and export only.

Published procedure of the implementation: STFT with a periodic Hann window, of 4096 samples and hop
1024 for MMDenseLSTM, of 2048 and hop 1024 for MMDenseNet; patches of 256 frames side by side,
without overlap; ratio masks of the four magnitudes on the mixture start one EM iteration of the
multichannel Wiener filter over the whole song.

Source: Takahashi and Mitsufuji, "Multi-scale multi-band DenseNets for audio source separation"
(2017); Takahashi et al., "MMDenseLSTM" (2018). The authors' code and weights are not public: the
sizes are those of the only public implementation in torch, as are the names of weights.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from mdx.errors import ConfigError
from models.mm_dense_bands import DenseBand, DenseBandSpec
from models.mm_dense_blocks import EPSILON, DenseBlock

BANDS = ("low", "middle", "high")


@dataclass(frozen=True)
class MMDenseSpec:
    """Size of one network, with adjacent bands and one for the full spectrum."""

    dim_f: int  # frequency bins, every one of n_fft
    bands: tuple[DenseBandSpec, ...]
    full: DenseBandSpec
    final_growth: int  # of the dense block over everything
    final_layers: int
    final_kernel: tuple[int, int]  # bins, frames
    final_dilated: bool
    channels: int = 2

    def __post_init__(self) -> None:
        total = sum(band.bins for band in self.bands)
        if not 1 <= len(self.bands) <= len(BANDS) or {total, self.full.bins} != {self.dim_f}:
            raise ConfigError(
                "MMDense",
                got=f"{len(self.bands)} bands of {total} bins, full {self.full.bins}",
                expected=f"1 to {len(BANDS)} bands that have dim_f {self.dim_f} bins together",
            )


LSTM = MMDenseSpec(  # 1,370,784 parameters
    dim_f=2049,
    bands=(
        DenseBandSpec(380, 32, (14,) * 7, (5,) * 7, (0, 0, 0, 64, 0, 64, 0)),
        DenseBandSpec(644, 32, (4,) * 7, (4,) * 7, (0, 0, 0, 16, 0, 0, 0)),
        DenseBandSpec(1025, 32, (2, 2, 0, 2, 2), (1, 1, 0, 1, 1), (0, 0, 4, 0, 0)),
    ),
    full=DenseBandSpec(
        2049, 8, (7,) * 9, (3, 3, 4, 5, 5, 5, 4, 3, 3), (0, 0, 0, 0, 64, 0, 0, 64, 0)
    ),
    final_growth=12,
    final_layers=3,
    final_kernel=(3, 3),
    final_dilated=True,
)
NET = MMDenseSpec(
    dim_f=1025,
    bands=(
        DenseBandSpec(512, 32, (14, *(16,) * 6), (4,) * 7, (0,) * 7, kernel=(4, 3)),
        DenseBandSpec(513, 32, (10,) * 7, (3,) * 7, (0,) * 7),
    ),
    full=DenseBandSpec(1025, 32, (6,) * 7, (2, 2, 2, 4, 2, 2, 2), (0,) * 7, kernel=(4, 3)),
    final_growth=4,
    final_layers=2,
    final_kernel=(2, 1),
    final_dilated=False,
)


class MMDense(nn.Module):
    """MMDenseNet or, where its bands have LSTMs, MMDenseLSTM: magnitudes in, one source's out.

    Shape: (batch, 2, dim_f, T) -> (batch, 1, 2, dim_f, T).
    """

    def __init__(self, spec: MMDenseSpec) -> None:
        super().__init__()
        self.spec = spec
        names = _band_names(len(spec.bands))
        wide = max(band.growth[-1] for band in spec.bands)
        bands = {
            name: DenseBand(band, spec.channels, wide)
            for name, band in zip(names, spec.bands, strict=True)
        }
        full = DenseBand(spec.full, spec.channels, spec.full.growth[-1])
        self.net = nn.ModuleDict({**bands, "full": full})
        self.dense_block = DenseBlock(
            wide + spec.full.growth[-1], spec.final_growth, spec.final_layers, spec.final_kernel,
            dilated=spec.final_dilated,
        )  # fmt: skip
        self.norm2d = nn.BatchNorm2d(spec.final_growth, eps=EPSILON)
        self.glu2d = nn.ModuleDict(
            {name: nn.Conv2d(spec.final_growth, spec.channels, 1) for name in ("map", "map_gate")}
        )
        self.scale_in = nn.Parameter(torch.ones(spec.dim_f))
        self.bias_in = nn.Parameter(torch.zeros(spec.dim_f))
        self.scale_out = nn.Parameter(torch.ones(spec.dim_f))
        self.bias_out = nn.Parameter(torch.zeros(spec.dim_f))

    def forward(self, mix: Tensor) -> Tensor:
        """Shape: (batch, 2, dim_f, T) -> (batch, 1, 2, dim_f, T)."""
        x = (mix - self.bias_in[:, None]) / (self.scale_in[:, None].abs() + EPSILON)
        names = _band_names(len(self.spec.bands))
        parts = torch.split(x, [band.bins for band in self.spec.bands], dim=2)
        bands = [self.net[name](part) for name, part in zip(names, parts, strict=True)]
        x = torch.cat([torch.cat(bands, dim=2), self.net["full"](x)], dim=1)
        x = self.norm2d(self.dense_block(x))
        x = self.glu2d["map"](x) * self.glu2d["map_gate"](x).sigmoid()
        out: Tensor = (self.scale_out[:, None] * x + self.bias_out[:, None]).relu()
        return out.unsqueeze(1)


def _band_names(count: int) -> tuple[str, ...]:
    # Of two bands the upper one is called high.
    return BANDS if count == len(BANDS) else (BANDS[0], BANDS[-1])[:count]
