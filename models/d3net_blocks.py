"""The parts of D3Net: dense blocks with growing dilations, dense blocks of these, and bands.

Source: Takahashi and Mitsufuji, "D3Net" (2020), sections 3 and 4; names of modules are those of the
released files, and axes are theirs too: frames before bins.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from mdx.errors import ConfigError

KERNEL = 3


@dataclass(frozen=True)
class BandSpec:
    """A U-Net of dense blocks: an encoder, a block in the middle, and a decoder as long."""

    features: int  # channels of its first convolution
    growth: tuple[int, ...]  # channels of each block's output, outermost to innermost and back
    layers: tuple[int, ...]  # dilated layers of each block
    parts: int  # dense blocks in one block, connected densely too (M)

    def __post_init__(self) -> None:
        if len(self.growth) != len(self.layers) or len(self.growth) % 2 == 0:
            raise ConfigError(
                "D3Net band",
                got=f"{len(self.growth)} growths and {len(self.layers)} numbers of layers",
                expected="as many of both, an odd number",
            )
        if min(self.features, self.parts, *self.growth, *self.layers) < 1:
            raise ConfigError("D3Net band", got=self, expected="at least 1 of everything")

    @property
    def n_levels(self) -> int:
        """Times that the band halves both axes."""
        return len(self.growth) // 2


class Layer(nn.Module):
    """BatchNorm, ReLU and a convolution that keeps the size.

    Shape: (batch, inputs, T, F) -> (batch, outputs, T, F).
    """

    def __init__(self, inputs: int, outputs: int, dilation: int) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(inputs)
        self.conv1 = nn.Conv2d(inputs, outputs, KERNEL, padding=dilation, dilation=dilation)

    def forward(self, x: Tensor) -> Tensor:
        """Shape: (batch, inputs, T, F) -> (batch, outputs, T, F)."""
        out: Tensor = self.conv1(self.norm1(x).relu())
        return out


class DenseBlock(nn.Module):
    """D2: a chain of layers, each of which adds to the input of all later ones.

    One convolution makes a group of channels for every layer. Layer i reads group i and adds to the
    groups behind it, with a dilation of 2**i; the last group is the output.

    Shape: (batch, inputs, T, F) -> (batch, growth, T, F).
    """

    def __init__(self, inputs: int, growth: int, layers: int) -> None:
        super().__init__()
        self.growth = growth
        self.initial_layer = Layer(inputs, growth * layers, 1)
        self.layers = nn.ModuleList(
            Layer(growth, growth * (layers - index), 2**index) for index in range(1, layers)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Shape: (batch, inputs, T, F) -> (batch, growth, T, F)."""
        return _densely(self.initial_layer(x), self.layers, self.growth)


class NestedDenseBlock(nn.Module):
    """D3: dense blocks that are connected like the layers of one.

    Shape: (batch, inputs, T, F) -> (batch, growth, T, F).
    """

    def __init__(self, inputs: int, growth: int, layers: int, parts: int) -> None:
        super().__init__()
        self.growth = growth
        self.initial_block = DenseBlock(inputs, growth * parts, layers)
        self.layers = nn.ModuleList(
            DenseBlock(growth, growth * (parts - index), layers) for index in range(1, parts)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Shape: (batch, inputs, T, F) -> (batch, growth, T, F)."""
        return _densely(self.initial_block(x), self.layers, self.growth)


def _densely(groups: Tensor, layers: nn.ModuleList, growth: int) -> Tensor:
    # Each layer reads the first group and adds to all others: what is left is one group shorter.
    for layer in layers:
        groups = groups[:, growth:] + layer(groups[:, :growth])
    return groups


class Band(nn.Module):
    """A U-Net of nested dense blocks over some of the bins.

    Shape: (batch, 2, T, F) -> (batch, growth of the last block, T, F).
    """

    def __init__(self, spec: BandSpec, channels: int) -> None:
        super().__init__()
        self.features_init = nn.Conv2d(channels, spec.features, KERNEL, padding=KERNEL // 2)
        blocks = [*zip(spec.growth, spec.layers, strict=True)]
        inside, after = spec.n_levels, spec.n_levels + 1
        widths = [spec.features, *spec.growth]
        self.ds_layers = nn.ModuleList(
            NestedDenseBlock(widths[level], *blocks[level], spec.parts) for level in range(inside)
        )
        self.bottleneck_block = NestedDenseBlock(widths[inside], *blocks[inside], spec.parts)
        self.upsamples = nn.ModuleList(Upsample(width) for width in spec.growth[inside:-1])
        skips = reversed(spec.growth[:inside])
        self.us_layers = nn.ModuleList(
            NestedDenseBlock(below + skip, *block, spec.parts)
            for below, skip, block in zip(
                spec.growth[inside:-1], skips, blocks[after:], strict=True
            )
        )

    def forward(self, x: Tensor) -> Tensor:
        """Shape: (batch, 2, T, F) -> (batch, growth of the last block, T, F)."""
        x = self.features_init(x)
        skips = []
        for block in self.ds_layers:
            x = block(x)
            skips.append(x)
            x = functional.avg_pool2d(x, 2)
        x = self.bottleneck_block(x)
        for up, block in zip(self.upsamples, self.us_layers, strict=True):
            x = block(torch.cat([up(x), skips.pop()], dim=1))
        return x


class Upsample(nn.Module):
    """BatchNorm and a transposed convolution that doubles both axes.

    Shape: (batch, width, T, F) -> (batch, width, 2 * T, 2 * F).
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(width)
        self.transconv = nn.ConvTranspose2d(width, width, 2, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        """Shape: (batch, width, T, F) -> (batch, width, 2 * T, 2 * F)."""
        out: Tensor = self.transconv(self.norm(x))
        return out
