"""The parts of MMDenseNet and MMDenseLSTM: dense blocks, with or without an LSTM.

Source: Takahashi and Mitsufuji, "Multi-scale multi-band DenseNets for audio source separation"
(2017); Takahashi et al., "MMDenseLSTM" (2018); details that the papers leave open, and names of
modules, are those of the only public implementation in torch.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

EPSILON = 1e-12  # of every BatchNorm


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
    """A chain of layers, each of which adds to the input of all later ones; the last is the output.

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
