"""X-UMX, four Open-Unmix branches that share their averages, in torch: for conversion and export.

Published procedure: STFT of 4096 samples with a periodic Hann window, hop 1024, reflection at both
ends; the whole song in one pass, without overlap, shifts or normalisation; the four magnitudes with
the mixture's phase start one EM iteration of the multichannel Wiener filter over the whole song,
in double precision, with its epsilon. The optional chunks are put side by side without overlap.

Source: Sawata et al., "All for One and One for All: Improving Music Separation by Bridging
Networks" (ICASSP 2021); names of weights are those of the released state dict.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from models.open_unmix import OpenUnmixSpec

SOURCES = ("bass", "drums", "vocals", "other")  # the order of the branches and of the output


@dataclass(frozen=True)
class XUmxSpec(OpenUnmixSpec):
    """Size of the four branches, each an Open-Unmix's; the defaults have 35,573,392 parameters."""


class XUmx(nn.Module):
    """X-UMX: magnitudes of the mixture in, those of the four SOURCES out.

    The branches meet twice: their LSTMs read the average of all encoders, their decoders the
    average of what all branches have by then.

    Shape: (batch, 2, dim_f, T) -> (batch, 4, 2, dim_f, T).
    """

    def __init__(self, spec: XUmxSpec) -> None:
        super().__init__()
        self.spec = spec
        wide = spec.hidden
        self.layer_enc = nn.ModuleDict({source: _Encoder(spec) for source in SOURCES})
        self.layer_lstm = nn.ModuleDict(
            {
                source: nn.LSTM(wide, wide // 2, num_layers=spec.lstm_layers, bidirectional=True)
                for source in SOURCES
            }
        )
        self.layer_dec = nn.ModuleDict({source: _Decoder(spec) for source in SOURCES})
        # As released: the mean is stored negated and the scale as 1 / std.
        self.mean_scale = nn.ParameterDict()
        for source in SOURCES:
            self.mean_scale[f"input_mean_{source}"] = torch.zeros(spec.bins_read)
            self.mean_scale[f"input_scale_{source}"] = torch.ones(spec.bins_read)
            self.mean_scale[f"output_mean_{source}"] = torch.ones(spec.dim_f)
            self.mean_scale[f"output_scale_{source}"] = torch.ones(spec.dim_f)

    def forward(self, mix: Tensor) -> Tensor:
        """Shape: (batch, 2, dim_f, T) -> (batch, 4, 2, dim_f, T)."""
        x = mix.permute(3, 0, 1, 2)  # (T, batch, 2, dim_f)
        encoded = [self._encode(x[..., : self.spec.bins_read], source) for source in SOURCES]
        shared = torch.stack(encoded).mean(dim=0)
        remembered = [self.layer_lstm[source](shared)[0] for source in SOURCES]
        # The average of concatenations is the concatenation of averages.
        both = torch.cat([shared, torch.stack(remembered).mean(dim=0)], dim=-1)
        masks = [self._decode(both, source) for source in SOURCES]
        return torch.stack(masks).permute(2, 0, 3, 4, 1) * mix.unsqueeze(1)

    def _encode(self, x: Tensor, source: str) -> Tensor:
        # Shape: (T, batch, 2, bins_read) -> (T, batch, hidden)
        x = x + self.mean_scale[f"input_mean_{source}"]
        x = x * self.mean_scale[f"input_scale_{source}"]
        encoded: Tensor = self.layer_enc[source](x)
        return encoded

    def _decode(self, x: Tensor, source: str) -> Tensor:
        # Shape: (T, batch, 2 * hidden) -> (T, batch, 2, dim_f)
        x = self.layer_dec[source](x) * self.mean_scale[f"output_scale_{source}"]
        mask: Tensor = (x + self.mean_scale[f"output_mean_{source}"]).relu()
        return mask


class _Encoder(nn.Module):
    """Shape: (T, batch, 2, bins_read) -> (T, batch, hidden)."""

    def __init__(self, spec: XUmxSpec) -> None:
        super().__init__()
        self.enc = nn.Sequential(
            nn.Linear(spec.channels * spec.bins_read, spec.hidden, bias=False),
            nn.BatchNorm1d(spec.hidden),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Shape: (T, batch, 2, bins_read) -> (T, batch, hidden)."""
        out: Tensor = self.enc(x.flatten(2).flatten(0, 1)).tanh()
        return out.reshape(*x.shape[:2], -1)


class _Decoder(nn.Module):
    """Shape: (T, batch, 2 * hidden) -> (T, batch, 2, dim_f)."""

    def __init__(self, spec: XUmxSpec) -> None:
        super().__init__()
        self.channels = spec.channels
        self.dec = nn.Sequential(
            nn.Linear(2 * spec.hidden, spec.hidden, bias=False),
            nn.BatchNorm1d(spec.hidden),
            nn.ReLU(),
            nn.Linear(spec.hidden, spec.channels * spec.dim_f, bias=False),
            nn.BatchNorm1d(spec.channels * spec.dim_f),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Shape: (T, batch, 2 * hidden) -> (T, batch, 2, dim_f)."""
        out: Tensor = self.dec(x.flatten(0, 1))
        return out.reshape(*x.shape[:2], self.channels, -1)
