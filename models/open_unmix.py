"""Open-Unmix, the field's baseline, in torch: for conversion and export only.

A BiLSTM over the magnitudes of the mixture makes a mask for one source; one network a source.

Published procedure: STFT of 4096 samples with a periodic Hann window, hop 1024, reflection at both
ends; the whole song in one pass, without overlap, shifts or normalisation; the four sources'
magnitudes with the mixture's phase start one EM iteration of the multichannel Wiener filter, which
the torch package runs in independent windows of 300 frames, with an epsilon of 1e-10.

Source: Stöter et al., "Open-Unmix - A Reference Implementation for Music Source Separation" (JOSS,
2019); names of weights are those of the released files.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from mdx.errors import ConfigError


@dataclass(frozen=True)
class OpenUnmixSpec:
    """Size of one network; the defaults are those of umx and umxhq (8,893,348 parameters)."""

    dim_f: int = 2049  # frequency bins of the mask, every one of n_fft 4096
    bins_read: int = 1487  # of these the network reads the lowest: up to 16 kHz
    hidden: int = 512  # units of every layer; half as many a direction in the LSTM
    lstm_layers: int = 3
    channels: int = 2

    def __post_init__(self) -> None:
        if not 1 <= self.bins_read <= self.dim_f:
            raise ConfigError(
                "Open-Unmix",
                got=f"bins_read {self.bins_read} of dim_f {self.dim_f}",
                expected=f"1 to {self.dim_f}",
            )
        if self.hidden < 2 or self.hidden % 2 or min(self.lstm_layers, self.channels) < 1:
            raise ConfigError(
                "Open-Unmix",
                got=f"hidden {self.hidden}, lstm_layers {self.lstm_layers}, "
                f"channels {self.channels}",
                expected="an even number of hidden units, and at least 1 layer and channel",
            )


class OpenUnmix(nn.Module):
    """Open-Unmix: magnitudes of the mixture in, those of one source out.

    Shape: (batch, 2, dim_f, T) -> (batch, 1, 2, dim_f, T).
    """

    def __init__(self, spec: OpenUnmixSpec) -> None:
        super().__init__()
        self.spec = spec
        wide = spec.hidden
        self.fc1 = nn.Linear(spec.channels * spec.bins_read, wide, bias=False)
        self.bn1 = nn.BatchNorm1d(wide)
        self.lstm = nn.LSTM(wide, wide // 2, num_layers=spec.lstm_layers, bidirectional=True)
        self.fc2 = nn.Linear(2 * wide, wide, bias=False)
        self.bn2 = nn.BatchNorm1d(wide)
        self.fc3 = nn.Linear(wide, spec.channels * spec.dim_f, bias=False)
        self.bn3 = nn.BatchNorm1d(spec.channels * spec.dim_f)
        # As released: the mean is stored negated and the scale as 1 / std.
        self.input_mean = nn.Parameter(torch.zeros(spec.bins_read))
        self.input_scale = nn.Parameter(torch.ones(spec.bins_read))
        self.output_scale = nn.Parameter(torch.ones(spec.dim_f))
        self.output_mean = nn.Parameter(torch.ones(spec.dim_f))

    def forward(self, mix: Tensor) -> Tensor:
        """Shape: (batch, 2, dim_f, T) -> (batch, 1, 2, dim_f, T)."""
        batch, channels, bins, frames = mix.shape
        x = mix.permute(3, 0, 1, 2)[..., : self.spec.bins_read]  # (T, batch, 2, bins_read)
        x = (x + self.input_mean) * self.input_scale
        # BatchNorm1d wants frames and batch in one axis, the LSTM wants them in two.
        x = self.bn1(self.fc1(x.flatten(2).flatten(0, 1))).tanh()
        x = x.reshape(frames, batch, -1)
        x = torch.cat([x, self.lstm(x)[0]], dim=-1).flatten(0, 1)
        x = self.bn2(self.fc2(x)).relu()
        x = self.bn3(self.fc3(x)).reshape(frames, batch, channels, bins)
        mask: Tensor = (x * self.output_scale + self.output_mean).relu()
        return (mask.permute(1, 2, 3, 0) * mix).unsqueeze(1)
