"""The parts of LaSAFT-Net: blocks that attend to latent sources, and their conditioning.

Source: Choi et al., "LaSAFT" (ICASSP 2021), sections 3.2 and 3.3.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

Gate = tuple[Tensor, Tensor]  # of one block: (growth, growth) from and to channels, (growth,)


class Tfc(nn.Module):
    """Densely connected convolutions: each reads all earlier outputs, the newest first.

    Shape: (batch, inputs, T, F) -> (batch, growth, T, F).
    """

    def __init__(self, inputs: int, growth: int, n_layers: int, kernel: int) -> None:
        super().__init__()
        self.H = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(inputs + layer * growth, growth, kernel, padding=kernel // 2),
                nn.BatchNorm2d(growth),
                nn.ReLU(),
            )
            for layer in range(n_layers)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Shape: (batch, inputs, T, F) -> (batch, growth, T, F)."""
        first, *others = self.H
        newest: Tensor = first(x)
        for convolution in others:
            x = torch.cat([newest, x], dim=1)
            newest = convolution(x)
        return newest


class LatentBlock(nn.Module):
    """A TFC, plus its latent sources over frequency, weighted by the condition.

    Two linear layers give every bin once for each latent source, which is the last axis.

    Shape: (batch, inputs, T, F) and (condition,) -> (batch, growth, T, F).
    """

    def __init__(
        self, inputs: int, growth: int, bins: int, *, n_layers: int, kernel: int, latents: int,
        units: int, keys: int, condition: int,
    ) -> None:  # fmt: skip
        super().__init__()
        self.bins, self.latents = bins, latents
        self.tfc = Tfc(inputs, growth, n_layers, kernel)
        self.tdfs = nn.ModuleDict(
            {
                "tdf": nn.Sequential(
                    nn.Linear(bins, units, bias=False),
                    nn.BatchNorm2d(growth),
                    nn.ReLU(),
                    nn.Linear(units, bins * latents, bias=False),
                    nn.BatchNorm2d(growth),
                    nn.ReLU(),
                )
            }
        )
        self.keys = nn.Parameter(torch.randn(keys, latents))
        self.linear_query = nn.Linear(condition, keys)

    def forward(self, x: Tensor, condition: Tensor, gate: Gate | None = None) -> Tensor:
        """Shape: as for the class."""
        return self.attend(*self.separate(x, gate), condition)

    def separate(self, x: Tensor, gate: Gate | None = None) -> tuple[Tensor, Tensor]:
        """The TFC's output, gated, and its latent sources, which depend on no condition but a gate.

        Shape: (batch, inputs, T, F) -> (batch, growth, T, F), (batch, growth, T, F, latents).
        """
        x = self.tfc(x)
        if gate is not None:
            x = x * pointwise(x, gate).sigmoid()
        return x, self.tdfs["tdf"](x).unflatten(-1, (self.bins, self.latents))

    def attend(self, x: Tensor, latent: Tensor, condition: Tensor) -> Tensor:
        """Add the latent sources, each by the weight that the condition gives it.

        Shape: as returned by `separate` -> (batch, growth, T, F).
        """
        query = self.linear_query(condition)
        attention = (query @ self.keys / math.sqrt(query.shape[0])).softmax(dim=-1)
        out: Tensor = x + (latent @ attention.unsqueeze(-1)).squeeze(-1)
        return out


def pointwise(x: Tensor, gate: Gate) -> Tensor:
    """A 1x1 convolution by given weights (PoCM). Shape: (batch, growth, T, F) -> the same."""
    gamma, beta = gate
    return functional.conv2d(x, gamma.T[..., None, None], beta)


class ConditionGenerator(nn.Module):
    """The gates of all decoders from the embeddings of sources.

    Shape: (sources, embedding) -> (sources, decoders, growth, growth), (sources, decoders, growth).
    """

    def __init__(self, embedding: int, decoders: int, growth: int) -> None:
        super().__init__()
        self.decoders, self.growth = decoders, growth
        wide = [embedding << step for step in range(4)]
        self.dense_control_block = nn.ModuleDict(
            {
                "linear": nn.Sequential(
                    nn.Linear(wide[0], wide[1]),
                    nn.ReLU(),
                    nn.Linear(wide[1], wide[2]),
                    nn.ReLU(),
                    nn.Dropout(),
                    nn.BatchNorm1d(wide[2]),
                    nn.Linear(wide[2], wide[3]),
                    nn.ReLU(),
                    nn.Dropout(),
                    nn.BatchNorm1d(wide[3]),
                )
            }
        )
        self.linear_gamma = self._head(wide[3], decoders * growth**2)
        self.linear_beta = self._head(wide[3], decoders * growth)

    @staticmethod
    def _head(inputs: int, outputs: int) -> nn.Sequential:
        # The placeholder of an activation that the released network lacks keeps the names right.
        norm = nn.BatchNorm1d(outputs, affine=False)
        return nn.Sequential(nn.Linear(inputs, outputs), nn.Identity(), norm)

    def forward(self, embeddings: Tensor) -> tuple[Tensor, Tensor]:
        """Shape: as for the class."""
        x = self.dense_control_block["linear"](embeddings)
        gammas = self.linear_gamma(x).unflatten(1, (self.decoders, self.growth, self.growth))
        return gammas, self.linear_beta(x).unflatten(1, (self.decoders, self.growth))
