"""A band of MMDenseNet or MMDenseLSTM: a U-Net of dense blocks over some of the bins.

Source: as of models.mm_dense_blocks.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from mdx.errors import ConfigError
from models.mm_dense_blocks import (
    EPSILON,
    Block,
    DenseBlock,
    RecurrentDenseBlock,
    RecurrentMap,
    SameConv2d,
)


@dataclass(frozen=True)
class DenseBandSpec:
    """A U-Net of dense blocks over some of the bins."""

    bins: int
    features: int  # channels of its first convolution
    growth: tuple[int, ...]  # channels that each block's layers add, from outside in and back
    layers: tuple[int, ...]  # of each block; 0 for an LSTM alone
    hidden: tuple[int, ...]  # units a direction of each block's LSTM; 0 where it has none
    kernel: tuple[int, int] = (3, 3)  # bins, frames

    def __post_init__(self) -> None:
        lengths = {len(self.growth), len(self.layers), len(self.hidden)}
        if len(lengths) != 1 or len(self.growth) % 2 == 0:
            raise ConfigError(
                "MMDense band",
                got=f"growth, layers and hidden of {sorted(lengths)} blocks",
                expected="as many of each, an odd number",
            )
        recurrent_encoder = any(self.hidden[: self.n_levels])
        empty = any(not layers and not hidden for layers, hidden in self.blocks)
        if recurrent_encoder or empty or min(self.bins, self.features, *self.kernel) < 1:
            raise ConfigError(
                "MMDense band",
                got=self,
                expected="no LSTM in the encoder, a layer or an LSTM in every block, sizes of 1",
            )

    @property
    def blocks(self) -> list[tuple[int, int]]:
        """Layers and hidden units of every block."""
        return [*zip(self.layers, self.hidden, strict=True)]

    @property
    def n_levels(self) -> int:
        """Times that the band halves both axes."""
        return len(self.growth) // 2


class Down(nn.Module):
    """A block whose output is halved along both axes, and as it is for the decoder.

    Where an axis is odd, zeros at its end make it even for the block.

    Shape: (batch, inputs, F, T) -> (batch, outputs, ceil(F / 2), ceil(T / 2)) and (.., F, T).
    """

    def __init__(self, block: Block) -> None:
        super().__init__()
        self.dense_block = block
        self.outputs = block.outputs

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Shape: as for the class."""
        bins, frames = x.shape[2:]
        if bins % 2 or frames % 2:
            x = functional.pad(x, (0, frames % 2, 0, bins % 2))
        x = self.dense_block(x)
        return functional.avg_pool2d(x, 2), x[:, :, :bins, :frames]


class Up(nn.Module):
    """BatchNorm, a transposed convolution that doubles both axes, and a block that sees a skip too.

    Shape: (batch, inputs, ceil(F / 2), ceil(T / 2)) and (.., F, T) -> (batch, outputs, F, T).
    """

    def __init__(self, inputs: int, block: Block) -> None:
        super().__init__()
        self.norm2d = nn.BatchNorm2d(inputs, eps=EPSILON)
        self.upsample2d = nn.ConvTranspose2d(inputs, inputs, 2, stride=2)
        self.name = "dense_rnn_block" if isinstance(block, RecurrentMap) else "dense_block"
        self.add_module(self.name, block)
        self.outputs = block.outputs

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        """Shape: as for the class."""
        bins, frames = skip.shape[2:]
        x = self.upsample2d(self.norm2d(x))[:, :, :bins, :frames]
        out: Tensor = self.get_submodule(self.name)(torch.cat([x, skip], dim=1))
        return out


class Encoder(nn.Module):
    """The levels down.

    Shape: (batch, inputs, F, T) -> the innermost output, and every level's skip from outside in.
    """

    def __init__(self, downs: Sequence[Down]) -> None:
        super().__init__()
        self.net = nn.ModuleList(downs)

    def forward(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Shape: as for the class."""
        skips = []
        for down in self.net:
            x, skip = down(x)
            skips.append(skip)
        return x, skips


class Decoder(nn.Module):
    """The levels up.

    Shape: the innermost output and the encoder's skips -> (batch, outputs, F, T).
    """

    def __init__(self, ups: Sequence[Up]) -> None:
        super().__init__()
        self.net = nn.ModuleList(ups)

    def forward(self, x: Tensor, skips: list[Tensor]) -> Tensor:
        """Shape: as for the class."""
        for up, skip in zip(self.net, reversed(skips), strict=True):
            x = up(x, skip)
        return x


class DenseBand(nn.Module):
    """A U-Net of dense blocks.

    Shape: (batch, 2, bins, T) -> (batch, outputs, bins, T).
    """

    def __init__(self, spec: DenseBandSpec, channels: int, outputs: int) -> None:
        super().__init__()
        self.conv2d = SameConv2d(channels, spec.features, spec.kernel)
        bins = [spec.bins]
        for _ in range(spec.n_levels):
            bins.append((bins[-1] + 1) // 2)
        wide, downs = spec.features, []
        for level in range(spec.n_levels):
            downs.append(Down(_block(spec, level, wide, bins[level])))
            wide = downs[-1].outputs
        self.encoder = Encoder(downs)
        self.bottleneck_conv2d = _block(spec, spec.n_levels, wide, bins[-1])
        wide, ups = self.bottleneck_conv2d.outputs, []
        for level in reversed(range(spec.n_levels)):
            inputs = wide + downs[level].outputs
            ups.append(Up(wide, _block(spec, 2 * spec.n_levels - level, inputs, bins[level])))
            wide = ups[-1].outputs
        self.decoder = Decoder(ups)
        # To as many channels as the widest band has.
        self.pointwise_conv2d: nn.Module = nn.Identity()
        if wide != outputs:
            norm = nn.BatchNorm2d(wide, eps=EPSILON)
            self.pointwise_conv2d = nn.Sequential(norm, nn.Conv2d(wide, outputs, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Shape: (batch, 2, bins, T) -> (batch, outputs, bins, T)."""
        x, skips = self.encoder(self.conv2d(x))
        out: Tensor = self.pointwise_conv2d(self.decoder(self.bottleneck_conv2d(x), skips))
        return out


def _block(spec: DenseBandSpec, index: int, inputs: int, bins: int) -> Block:
    layers, hidden = spec.blocks[index]
    if not layers:
        return RecurrentMap(inputs, hidden, bins)
    dense = DenseBlock(inputs, spec.growth[index], layers, spec.kernel, dilated=False)
    return RecurrentDenseBlock(dense, hidden, bins) if hidden else dense
