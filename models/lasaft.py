"""LaSAFT-Net with GPoCM, one conditioned network for all sources, in torch: for export only.

The condition, an embedding of the source, chooses among latent sources in every block and gates the
channels of every decoder. Published code runs the network once per source. Our graph does so for
all SOURCES, one after another: the file has the weights once, only one source's activations are in
memory, and what does not depend on the condition is computed once, which leaves 71 % of the work.

Published procedure: STFT of 4096 samples (light: 2048) with a periodic Hann window and hop 1024;
windows of 128 frames, 130,048 samples, of which 5,120 at either end are trimmed; the remaining
119,808 overlap by half, and both halves count 0.5; the paper's own test has no overlap. Zeros at
both ends of the song; no Wiener filter, no shifts, no normalisation.

Source: Choi et al., "LaSAFT: Latent Source Attentive Frequency Transformation for Conditioned
Source Separation" (ICASSP 2021); names of modules are those of the released checkpoints.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from mdx.errors import ConfigError
from models.lasaft_blocks import ConditionGenerator, LatentBlock

SOURCES = ("vocals", "drums", "bass", "other")  # rows of the embedding, and of the output


@dataclass(frozen=True)
class LasaftSpec:
    """Size of the network; the defaults are those of the large one (31,541,908 parameters)."""

    dim_f: int = 2049  # frequency bins, every one of n_fft
    n_blocks: int = 9  # U-Net blocks: (n - 1) / 2 down, one in the middle, as many up
    embedding: int = 64  # numbers that represent a source
    n_layers: int = 5  # convolutions of one TFC
    growth: int = 24  # channels that every convolution makes, on all levels
    kernel: int = 3  # side of every TFC convolution
    latents: int = 6  # latent sources that a block distinguishes
    bottleneck: int = 16  # latent sources' bins are reduced to fewer units by this factor,
    min_units: int = 16  # but never to fewer than these
    keys: int = 32  # numbers that represent a latent source
    channels: int = 4  # L.re, L.im, R.re, R.im, which were released as L.re, R.re, L.im, R.im

    def __post_init__(self) -> None:
        if self.n_blocks < 3 or self.n_blocks % 2 == 0:
            raise ConfigError(
                "LaSAFT", got=f"{self.n_blocks} blocks", expected="an odd number, 3 or more"
            )
        multiple = 1 << self.n_levels
        if self.dim_f <= multiple or (self.dim_f - 1) % multiple:
            raise ConfigError(
                "LaSAFT",
                got=f"dim_f {self.dim_f} with {self.n_levels} levels",
                expected=f"one bin more than a multiple of {multiple}",
            )
        if self.kernel % 2 == 0:
            raise ConfigError("LaSAFT", got=f"kernel {self.kernel}", expected="an odd one")

    @property
    def n_levels(self) -> int:
        """Times that the network halves both axes."""
        return (self.n_blocks - 1) // 2


LIGHT = LasaftSpec(dim_f=1025, n_blocks=7, embedding=32)  # 8,424,028 parameters


class Lasaft(nn.Module):
    """LaSAFT-Net: a spectrogram of the mixture in, spectrograms of all SOURCES out.

    Shape: (batch, 4, dim_f, T) -> (batch, 4, 4, dim_f, T); T a multiple of 2**n_levels.
    """

    def __init__(self, spec: LasaftSpec) -> None:
        super().__init__()
        self.spec = spec
        wide, levels = spec.growth, spec.n_levels
        bins = [(spec.dim_f - 1) >> level for level in range(levels + 1)]
        self.embedding = nn.Embedding(len(SOURCES), spec.embedding)
        self.condition_generator = ConditionGenerator(spec.embedding, levels, wide)
        # Two bins wide, which makes the odd number of bins even, and back.
        self.first_conv = nn.Sequential(
            nn.Conv2d(spec.channels, wide, (1, 2)), nn.BatchNorm2d(wide), nn.ReLU()
        )
        self.encoders = nn.ModuleList(self._block(wide, size) for size in bins[:-1])
        self.downsamplings = nn.ModuleList(
            nn.Sequential(nn.Conv2d(wide, wide, 2, stride=2), nn.BatchNorm2d(wide))
            for _ in range(levels)
        )
        self.mid_block = self._block(wide, bins[-1])
        self.upsamplings = nn.ModuleList(
            nn.Sequential(nn.ConvTranspose2d(wide, wide, 2, stride=2), nn.BatchNorm2d(wide))
            for _ in range(levels)
        )
        self.decoders = nn.ModuleList(self._block(2 * wide, size) for size in reversed(bins[:-1]))
        self.last_conv = nn.Sequential(nn.Conv2d(wide, spec.channels, (1, 2), padding=(0, 1)))

    def _block(self, inputs: int, bins: int) -> LatentBlock:
        spec = self.spec
        return LatentBlock(
            inputs, spec.growth, bins, n_layers=spec.n_layers, kernel=spec.kernel,
            latents=spec.latents, units=max(bins * spec.latents // spec.bottleneck, spec.min_units),
            keys=spec.keys, condition=spec.embedding,
        )  # fmt: skip

    def forward(self, mix: Tensor) -> Tensor:
        """Shape: (batch, 4, dim_f, T) -> (batch, 4, 4, dim_f, T)."""
        shared = self.unconditioned(mix)
        gates = self.condition_generator(self.embedding.weight)
        estimates = [
            self.last_conv(self._source(*shared, index, gates)).transpose(-1, -2)
            for index in range(len(SOURCES))
        ]
        return torch.stack(estimates, dim=1)

    def unconditioned(self, mix: Tensor) -> tuple[Tensor, Tensor]:
        """The first encoder's output for a mixture, before it attends to a source.

        Shape: (batch, 4, dim_f, T) -> (batch, growth, T, dim_f - 1), (.., latents).
        """
        first = self.encoders[0]
        assert isinstance(first, LatentBlock)
        return first.separate(self.first_conv(mix.transpose(-1, -2)))

    def _source(
        self, x: Tensor, latent: Tensor, index: int, gates: tuple[Tensor, Tensor]
    ) -> Tensor:
        # Shape: as returned by `unconditioned` -> (batch, growth, T, dim_f - 1)
        condition = self.embedding.weight[index]
        gammas, betas = gates[0][index], gates[1][index]
        first, *encoders = self.encoders
        assert isinstance(first, LatentBlock)
        skips = [first.attend(x, latent, condition)]
        for encoder, down in zip(encoders, self.downsamplings, strict=False):
            skips.append(encoder(down(skips[-1]), condition))
        x = self.mid_block(self.downsamplings[-1](skips[-1]), condition)
        decoders = zip(self.upsamplings, self.decoders, strict=True)
        for level, (up, decoder) in enumerate(decoders):
            x = torch.cat([up(x), skips.pop()], dim=1)
            x = decoder(x, condition, (gammas[level], betas[level]))
        return x
