"""The parts of ResUNetDecouple+: residual blocks, four of them in an encoder or a decoder.

Source: Kong et al. (ISMIR 2021), section 3; names of modules are those of the released weights, and
so are the axes: frames before bins.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

SLOPE = 0.01  # of every leaky ReLU
BLOCKS = 4  # residual blocks of one level


class ResidualBlock(nn.Module):
    """BatchNorm, leaky ReLU and a convolution, twice, with a skip connection.

    Shape: (batch, inputs, T, F) -> (batch, outputs, T, F).
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(inputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
        self.abn2 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.shortcut: nn.Module = nn.Identity()
        if inputs != outputs:
            self.shortcut = nn.Conv2d(inputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Shape: (batch, inputs, T, F) -> (batch, outputs, T, F)."""
        y = self.conv1(functional.leaky_relu(self.bn1(x), SLOPE))
        y = self.conv2(functional.leaky_relu(self.abn2(y), SLOPE))
        out: Tensor = self.shortcut(x) + y
        return out


class EncoderBlock(nn.Module):
    """Four residual blocks.

    Shape: (batch, inputs, T, F) -> (batch, outputs, T, F).
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv_blocks = nn.Sequential(
            *(ResidualBlock(outputs if index else inputs, outputs) for index in range(BLOCKS))
        )

    def forward(self, x: Tensor) -> Tensor:
        """Shape: (batch, inputs, T, F) -> (batch, outputs, T, F)."""
        out: Tensor = self.conv_blocks(x)
        return out


class DecoderBlock(nn.Module):
    """A transposed convolution that enlarges, and four residual blocks that see a skip too.

    Shape: (batch, inputs, T, F) and (batch, outputs, T * scale[0], F * scale[1]) -> the latter.
    """

    def __init__(self, inputs: int, outputs: int, scale: tuple[int, int]) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(inputs)
        self.conv1 = nn.ConvTranspose2d(inputs, outputs, scale, stride=scale, bias=False)
        self.conv_blocks = nn.Sequential(
            *(ResidualBlock(outputs if index else 2 * outputs, outputs) for index in range(BLOCKS))
        )

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        """Shape: as for the class."""
        x = self.conv1(self.bn1(x).relu())
        out: Tensor = self.conv_blocks(torch.cat([x, skip], dim=1))
        return out
