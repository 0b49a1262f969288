"""What MMDenseNet and MMDenseLSTM are made of: dense blocks, with or without an LSTM, and bands.

Source: Takahashi and Mitsufuji, "Multi-scale multi-band DenseNets for audio source separation"
(2017); Takahashi et al., "MMDenseLSTM" (2018); details that the papers leave open, and names of
modules, are those of the only public implementation in torch.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from mdx.errors import ConfigError

EPSILON = 1e-12  # of every BatchNorm


@dataclass(frozen=True)
class DenseBandSpec:
    """A U-Net of dense blocks over some of the bins."""

    bins: int
    features: int  # channels of its first convolution
    growth: tuple[int, ...]  # channels that each block's layers add, from outside in and back
    layers: tuple[int, ...]  # of each block; 0 where an LSTM stands alone
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


class SameConv2d(nn.Conv2d):
    """A convolution that keeps the size; for an even kernel with one zero more behind than before.

    Shape: (batch, inputs, F, T) -> (batch, outputs, F, T).
    """

    def __init__(
        self, inputs: int, outputs: int, kernel: tuple[int, int], dilation: int = 1
    ) -> None:
        lost = [(size - 1) * dilation for size in kernel]
        pad = (lost[0] // 2, lost[1] // 2)
        super().__init__(inputs, outputs, kernel, padding=pad, dilation=dilation)
        self.behind = (0, lost[1] % 2, 0, lost[0] % 2)

    def forward(self, x: Tensor) -> Tensor:
        """Shape: (batch, inputs, F, T) -> (batch, outputs, F, T)."""
        return super().forward(functional.pad(x, self.behind) if any(self.behind) else x)


class Unit(nn.Module):
    """BatchNorm, ReLU and a convolution that keeps the size.

    Shape: (batch, inputs, F, T) -> (batch, outputs, F, T).
    """

    def __init__(
        self, inputs: int, outputs: int, kernel: tuple[int, int], dilation: int = 1
    ) -> None:
        super().__init__()
        self.norm2d = nn.BatchNorm2d(inputs, eps=EPSILON)
        self.conv2d = SameConv2d(inputs, outputs, kernel, dilation)

    def forward(self, x: Tensor) -> Tensor:
        """Shape: (batch, inputs, F, T) -> (batch, outputs, F, T)."""
        out: Tensor = self.conv2d(self.norm2d(x).relu())
        return out


class DenseBlock(nn.Module):
    """A chain of layers, each of which adds to what all later ones read; the last is the output.

    Shape: (batch, inputs, F, T) -> (batch, growth, F, T).
    """

    def __init__(
        self, inputs: int, growth: int, layers: int, kernel: tuple[int, int], *, dilated: bool
    ) -> None:
        super().__init__()
        self.outputs = growth
        self.net = nn.ModuleList(
            Unit(
                growth if index else inputs,
                growth * (layers - index),
                kernel,
                2**index if dilated else 1,
            )
            for index in range(layers)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Shape: (batch, inputs, F, T) -> (batch, growth, F, T)."""
        first, *others = self.net
        groups: Tensor = first(x)
        for layer in others:
            groups = groups[:, self.outputs :] + layer(groups[:, : self.outputs])
        return groups


class RecurrentMap(nn.Module):
    """A BiLSTM over time that reads the bins of one map and writes those of another.

    Shape: (batch, inputs, F, T) -> (batch, 1, F, T).
    """

    def __init__(self, inputs: int, hidden: int, bins: int) -> None:
        super().__init__()
        self.outputs = 1
        self.bottleneck_conv2d = nn.Conv2d(inputs, 1, 1)
        self.rnn = nn.LSTM(bins, hidden, batch_first=True, bidirectional=True)
        self.linear = nn.Linear(2 * hidden, bins)

    def forward(self, x: Tensor) -> Tensor:
        """Shape: (batch, inputs, F, T) -> (batch, 1, F, T)."""
        x = self.bottleneck_conv2d(x).squeeze(1).transpose(1, 2)  # (batch, T, F)
        out: Tensor = self.linear(self.rnn(x)[0])
        return out.transpose(1, 2).unsqueeze(1)


class RecurrentDenseBlock(RecurrentMap):
    """A dense block, and a RecurrentMap of its output as one channel more.

    Shape: (batch, inputs, F, T) -> (batch, growth + 1, F, T).
    """

    def __init__(self, dense: DenseBlock, hidden: int, bins: int) -> None:
        super().__init__(dense.outputs, hidden, bins)
        self.dense_block = dense
        self.outputs = dense.outputs + 1

    def forward(self, x: Tensor) -> Tensor:
        """Shape: (batch, inputs, F, T) -> (batch, growth + 1, F, T)."""
        x = self.dense_block(x)
        return torch.cat([x, super().forward(x)], dim=1)


Block = DenseBlock | RecurrentMap


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
        """Shape: as of the class."""
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
        """Shape: as of the class."""
        bins, frames = skip.shape[2:]
        x = self.upsample2d(self.norm2d(x))[:, :, :bins, :frames]
        out: Tensor = self.get_submodule(self.name)(torch.cat([x, skip], dim=1))
        return out


class DenseBand(nn.Module):
    """A U-Net of dense blocks.

    Shape: (batch, 2, bins, T) -> (batch, outputs, bins, T).
    """

    def __init__(self, spec: DenseBandSpec, channels: int, outputs: int) -> None:
        super().__init__()
        self.spec = spec
        self.conv2d = SameConv2d(channels, spec.features, spec.kernel)
        bins = [spec.bins]
        for _ in range(spec.n_levels):
            bins.append((bins[-1] + 1) // 2)
        wide, downs = spec.features, []
        for level in range(spec.n_levels):
            downs.append(Down(_block(spec, level, wide, bins[level])))
            wide = downs[-1].outputs
        self.bottleneck_conv2d = _block(spec, spec.n_levels, wide, bins[-1])
        wide, ups = self.bottleneck_conv2d.outputs, []
        for level in reversed(range(spec.n_levels)):
            inputs = wide + downs[level].outputs
            ups.append(Up(wide, _block(spec, 2 * spec.n_levels - level, inputs, bins[level])))
            wide = ups[-1].outputs
        self.encoder = nn.ModuleDict({"net": nn.ModuleList(downs)})
        self.decoder = nn.ModuleDict({"net": nn.ModuleList(ups)})
        # To as many channels as the widest band has.
        self.pointwise_conv2d: nn.Module = nn.Identity()
        if wide != outputs:
            norm = nn.BatchNorm2d(wide, eps=EPSILON)
            self.pointwise_conv2d = nn.Sequential(norm, nn.Conv2d(wide, outputs, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Shape: (batch, 2, bins, T) -> (batch, outputs, bins, T)."""
        x = self.conv2d(x)
        skips = []
        for down in self.encoder["net"]:  # type: ignore[attr-defined]
            x, skip = down(x)
            skips.append(skip)
        x = self.bottleneck_conv2d(x)
        for up in self.decoder["net"]:  # type: ignore[attr-defined]
            x = up(x, skips.pop())
        out: Tensor = self.pointwise_conv2d(x)
        return out


def _block(spec: DenseBandSpec, index: int, inputs: int, bins: int) -> Block:
    layers, hidden = spec.blocks[index]
    if not layers:
        return RecurrentMap(inputs, hidden, bins)
    dense = DenseBlock(inputs, spec.growth[index], layers, spec.kernel, dilated=False)
    return RecurrentDenseBlock(dense, hidden, bins) if hidden else dense
