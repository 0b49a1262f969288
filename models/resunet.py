"""ResUNetDecouple+, a deep residual U-Net, in torch: for conversion and export only.

It estimates a mask of the magnitude, a rotation of the phase and a magnitude to add, each by
itself. One network a source; a waveform in, a waveform out, with the STFT in the graph.

Published procedure: segments of 30 s every 15 s, zeros after the song's end up to a multiple of
30 s; of each segment the middle half is kept, of the first and the last also the outer
quarter; STFT of 2048 samples with a periodic Hann window, hop 441, reflection at both ends of a
segment; no overlap-add, no Wiener filter, no shifts, no normalisation.

Source: Kong et al., "Decoupling magnitude and phase estimation with deep ResUNet for music source
separation" (ISMIR 2021), in the size of the class ResUNet143_DecouplePlus of the released weights.
"""

from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional

from mdx.errors import ConfigError
from models.resunet_blocks import DecoderBlock, EncoderBlock
from models.stft_layers import InverseStft, Stft

POWER_FLOOR = 1e-10  # of the mixture's |X|^2, below which a bin has no phase
ROTATION_FLOOR = 1e-10  # of the length of a predicted (cos, sin)
MAPS = 4  # for each channel: mask, real and imaginary part of the rotation, residual magnitude


@dataclass(frozen=True)
class ResUNetSpec:
    """Size of one network; the defaults are the released ones (102,571,278 parameters)."""

    n_fft: int = 2048
    hop: int = 441
    widths: tuple[int, ...] = (32, 64, 128, 256, 384, 384)  # of the encoders, outermost first
    middle: int = 4  # blocks as wide as the innermost encoder, without pooling
    channels: int = 2

    def __post_init__(self) -> None:
        if len(self.widths) < 2 or min(*self.widths, self.hop, self.channels) < 1:
            raise ConfigError("ResUNet", got=self, expected="two levels or more, and sizes of 1")
        if self.n_fft // 2 % (1 << len(self.widths)) or self.n_fft < 2 * self.hop:
            raise ConfigError(
                "ResUNet",
                got=f"n_fft {self.n_fft} with {len(self.widths)} levels and hop {self.hop}",
                expected=f"a multiple of {2 << len(self.widths)}, and at least twice the hop",
            )

    @property
    def dim_f(self) -> int:
        """Frequency bins of the STFT."""
        return self.n_fft // 2 + 1

    @property
    def multiple(self) -> int:
        """The frames are padded to a multiple of this: the innermost level halves bins only."""
        return 1 << (len(self.widths) - 1)


class ResUNetDecouple(nn.Module):
    """ResUNetDecouple+: a mixture in, one source out.

    Shape: (batch, 2, samples) -> (batch, 1, 2, samples).
    """

    def __init__(self, spec: ResUNetSpec) -> None:
        super().__init__()
        self.spec = spec
        self.stft = Stft(spec.n_fft, spec.hop)
        self.inverse = InverseStft(spec.n_fft, spec.hop)
        widths = (spec.channels, *spec.widths)
        self.bn0 = nn.BatchNorm2d(spec.dim_f)
        self.encoders = nn.ModuleList(
            EncoderBlock(widths[level], width) for level, width in enumerate(spec.widths)
        )
        deepest = spec.widths[-1]
        self.middle = nn.Sequential(*(EncoderBlock(deepest, deepest) for _ in range(spec.middle)))
        # Each level halves frames and bins, the innermost one bins only.
        self.scales = [*[(2, 2)] * (len(spec.widths) - 1), (1, 2)]
        inputs = (*spec.widths[1:], deepest)
        self.decoders = nn.ModuleList(
            DecoderBlock(inputs[level], spec.widths[level], self.scales[level])
            for level in reversed(range(len(spec.widths)))
        )
        self.after_conv_block1 = EncoderBlock(spec.widths[0], spec.widths[0])
        self.after_conv2 = nn.Conv2d(spec.widths[0], spec.channels * MAPS, 1)

    def forward(self, mix: Tensor) -> Tensor:
        """Shape: (batch, 2, samples) -> (batch, 1, 2, samples)."""
        real, imaginary = self.stft(mix)
        magnitude = (real**2 + imaginary**2).clamp(min=POWER_FLOOR).sqrt()
        cosine, sine = real / magnitude, imaginary / magnitude
        mask, along, across, residual = self.maps(magnitude).unbind(dim=2)
        along, across = along.tanh(), across.tanh()
        length = (along**2 + across**2).sqrt().clamp(min=ROTATION_FLOOR)
        turn_cosine, turn_sine = along / length, across / length
        loud = (magnitude * mask.sigmoid() + residual).relu()
        estimate: Tensor = self.inverse(
            loud * (cosine * turn_cosine - sine * turn_sine),
            loud * (sine * turn_cosine + cosine * turn_sine),
            mix.shape[-1],
        )
        return estimate.unsqueeze(1)

    def maps(self, magnitude: Tensor) -> Tensor:
        """The U-Net's output for magnitudes: four maps for each channel.

        Shape: (batch, 2, T, dim_f) -> (batch, 2, 4, T, dim_f).
        """
        frames, bins = magnitude.shape[2:]
        x = self.bn0(magnitude.transpose(1, 3)).transpose(1, 3)  # each bin separately
        x = functional.pad(x, (0, -1, 0, -frames % self.spec.multiple))  # Nyquist's bin is dropped
        skips = []
        for encoder, scale in zip(self.encoders, self.scales, strict=True):
            x = encoder(x)
            skips.append(x)
            x = functional.avg_pool2d(x, scale)
        x = self.middle(x)
        for decoder in self.decoders:
            x = decoder(x, skips.pop())
        x = self.after_conv2(self.after_conv_block1(x))
        x = functional.pad(x[:, :, :frames], (0, 1))
        return x.reshape(x.shape[0], self.spec.channels, MAPS, frames, bins)
