"""Demucs-v2, for the blend, in torch: for conversion and export.

A U-Net on the waveform with a recurrent bottleneck; it makes all stems at once.

Source: Défossez et al., "Music Source Separation in the Waveform Domain" (2019), in the sizes of
the version 2 that the challenge's baseline used; names of weights are those of the released files.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from mdx.systems.spec import CHANNELS
from models.demucs_v2.resample import resample

SOURCES = ("drums", "bass", "other", "vocals")  # the order of the output
RATE = 2  # the network works at this many times the song's rate
# What the original divides its input by: a standard deviation of 1, as it does not normalise, plus
# the epsilon that guards against silence.
INPUT_SCALE = 1 + 1e-5


@dataclass(frozen=True)
class DemucsSpec:
    """Size of one network; the defaults are those of the file `demucs`."""

    channels: int = 64  # of the first level; each level doubles them
    depth: int = 6
    kernel: int = 8  # samples that one step of a level sees
    stride: int = 4  # samples between its steps
    context: int = 3  # steps that a decoder reads of its level
    lstm_layers: int = 2

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels of every level, outermost first."""
        return tuple(self.channels << level for level in range(self.depth))


class Recurrent(nn.Module):
    """A bidirectional LSTM over time, and a linear layer back to its width.

    Shape: (batch, width, steps) -> the same.
    """

    def __init__(self, width: int, layers: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(width, width, num_layers=layers, bidirectional=True)
        self.linear = nn.Linear(2 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Shape: (batch, width, steps) -> the same."""
        x = self.lstm(x.permute(2, 0, 1))[0]
        out: Tensor = self.linear(x).permute(1, 2, 0)
        return out


class Demucs(nn.Module):
    """Demucs-v2: a mixture in, its four stems out, in the order of SOURCES.

    Its convolutions are not padded, so the output is shorter than the input, by the same number of
    samples for any length; it corresponds to the input's centre.

    Shape: (batch, 2, n) -> (batch, 4, 2, n - lost), n a valid length.
    """

    def __init__(self, spec: DemucsSpec) -> None:
        super().__init__()
        self.spec = spec
        self.encoder = nn.ModuleList()
        self.decoder = nn.ModuleList()
        narrow = (CHANNELS, *spec.widths)
        for level, wide in enumerate(spec.widths):
            self.encoder.append(
                nn.Sequential(
                    nn.Conv1d(narrow[level], wide, spec.kernel, spec.stride),
                    nn.ReLU(),
                    nn.Conv1d(wide, 2 * wide, 1),
                    nn.GLU(dim=1),
                )
            )
        for level in reversed(range(spec.depth)):
            wide = spec.widths[level]
            out = narrow[level] if level else len(SOURCES) * CHANNELS
            layers = [
                nn.Conv1d(wide, 2 * wide, spec.context),
                nn.GLU(dim=1),
                nn.ConvTranspose1d(wide, out, spec.kernel, spec.stride),
            ]
            self.decoder.append(nn.Sequential(*layers, *([nn.ReLU()] if level else [])))
        self.lstm = Recurrent(spec.widths[-1], spec.lstm_layers)

    def forward(self, mix: Tensor) -> Tensor:
        """Shape: (batch, 2, n) -> (batch, 4, 2, n - lost), n a valid length."""
        x = resample(mix / INPUT_SCALE, 1, RATE)
        skips = []
        for encode in self.encoder:
            x = encode(x)
            skips.append(x)
        x = self.lstm(x)
        for decode in self.decoder:
            x = decode(x + centre(skips.pop(), x.shape[-1]))
        return resample(x, RATE, 1).reshape(len(x), len(SOURCES), CHANNELS, -1)

    def valid_length(self, samples: int) -> int:
        """An input that fits every level and gives at least so many samples of output.

        It is the shortest one, except for less than 0.1 s of output.
        """
        spec = self.spec
        length = RATE * samples
        for _ in range(spec.depth):
            length = max(1, math.ceil((length - spec.kernel) / spec.stride) + 1) + spec.context - 1
        for _ in range(spec.depth):
            length = (length - 1) * spec.stride + spec.kernel
        return math.ceil(length / RATE)


def centre(x: Tensor, length: int) -> Tensor:
    """The centre of a signal; if an odd number of samples is dropped, one more at the end.

    Shape: (..., samples) -> (..., length).
    """
    return x.narrow(-1, (x.shape[-1] - length) // 2, length)


# Power of noise of power 1 behind a ReLU, a gate, and an LSTM of torch's own weights.
RELU, GATE, LSTM = 0.5, 0.4, 0.005


def random_demucs(spec: DemucsSpec, *, seed: int) -> Demucs:
    """A network in evaluation mode with seeded random weights, loud to its innermost level.

    With torch's own weights a signal fades level by level: tests and benchmarks would see little of
    what lies inside.
    """
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net = Demucs(spec)
        inputs = {"lstm.linear.weight": 2 * spec.widths[-1] * LSTM}
        for level, wide in enumerate(spec.widths):
            narrow = spec.widths[level - 1] if level else CHANNELS
            outer, inner = f"encoder.{level}", f"decoder.{spec.depth - 1 - level}"
            inputs[f"{outer}.0.weight"] = narrow * spec.kernel * GATE
            inputs[f"{outer}.2.weight"] = wide * RELU
            inputs[f"{inner}.0.weight"] = wide * spec.context * (RELU + GATE)
            inputs[f"{inner}.2.weight"] = wide * spec.kernel / spec.stride * GATE
        for name, count in inputs.items():  # as many of power 1: a sum of power 1
            nn.init.normal_(net.get_parameter(name), std=count**-0.5)
    return net.eval()
