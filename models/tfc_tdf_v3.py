"""TFC-TDF-U-Net v3, the same authors' successor to v2, in torch: for training and export only.

Source: Kim, Lee, Jung, "Sound Demixing Challenge 2023 Music Demixing Track Technical Report:
TFC-TDF-UNet v3" (arXiv 2306.09382), section 2; layer by layer as released (kuielab/sdx23).
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import torch
from torch import Tensor, nn

from mdx.errors import ConfigError

SOURCES = ("vocals", "drums", "bass", "other")  # of the released networks, in order
NORMS: dict[str, Callable[[int], nn.Module]] = {
    "instance": partial(nn.InstanceNorm2d, affine=True),  # as published
    "batch": nn.BatchNorm2d,  # as in v2: three quarters of the time of a step on CPUs
}
ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {"gelu": nn.GELU, "relu": nn.ReLU}
# Checkpoints of the community may also have these, with a number in the name.
GROUP_NORM = re.compile(r"group([1-9]\d{0,3})")
ELU = re.compile(r"elu(\d{1,3}(?:\.\d{1,6})?)")


@dataclass(frozen=True)
class TfcTdfV3Spec:
    """Size of one network; the defaults are the report's model 1 (45,813,888 parameters)."""

    dim_f: int = 4096  # frequency bins
    n_blocks: int = 11  # levels of the U: (n - 1) / 2 down, one in the middle, as many up
    n_layers: int = 2  # TFC-TDF blocks of one level (the report's l)
    growth: int = 64  # channels that each level adds (g)
    bottleneck: int = 4  # a TDF reduces f bins to f / bottleneck units (bn)
    width: int = 128  # channels of the first level (c)
    subbands: int = 4  # equal bands of frequency that become channels (k)
    norm: str = "instance"  # a key of NORMS, or group and the number of groups
    activation: str = "gelu"  # a key of ACTIVATIONS, or elu and its alpha
    strides: tuple[int, int] = (2, 2)  # by which a level divides frames and bins
    sources: int = 4  # stems that come out together; 1: a network of one source
    channels: int = 4  # L.re, L.im, R.re, R.im

    def __post_init__(self) -> None:
        self._check_layers()
        if self.n_blocks % 2 == 0:
            raise ConfigError(
                "TFC-TDF-U-Net v3", got=f"{self.n_blocks} blocks", expected="an odd number"
            )
        multiple = self.subbands * self.strides[1] ** self.n_levels
        least = self.bottleneck * multiple
        if self.dim_f % multiple or self.dim_f < least:
            raise ConfigError(
                "TFC-TDF-U-Net v3",
                got=f"dim_f {self.dim_f} with {self.subbands} subbands, {self.n_levels} levels, "
                f"bottleneck {self.bottleneck}",
                expected=f"dim_f a multiple of {multiple}, at least {least}",
            )

    def _check_layers(self) -> None:
        for key, known, numbered, more in (
            ("norm", NORMS, GROUP_NORM, "group with the number of groups"),
            ("activation", ACTIVATIONS, ELU, "elu with its alpha"),
        ):
            got = getattr(self, key)
            if got not in known and not numbered.fullmatch(got):
                expected = f"one of {', '.join(known)}, or {more}"
                raise ConfigError(f"TFC-TDF-U-Net v3: {key}", got=f"'{got}'", expected=expected)
        if (found := GROUP_NORM.fullmatch(self.norm)) and any(
            channels % int(found[1]) for channels in (self.width, self.growth)
        ):
            raise ConfigError(
                "TFC-TDF-U-Net v3: norm",
                got=f"{found[1]} groups of {self.width} channels that grow by {self.growth}",
                expected="groups of as many channels each",
            )

    @property
    def n_levels(self) -> int:
        """Times that the network divides both axes."""
        return (self.n_blocks - 1) // 2

    def normalised(self, channels: int, layer: nn.Module) -> nn.Sequential:
        """A layer with norm and activation before it (pre-activation)."""
        return nn.Sequential(self._make_norm(channels), self.make_activation(), layer)

    def _make_norm(self, channels: int) -> nn.Module:
        groups = GROUP_NORM.fullmatch(self.norm)
        return nn.GroupNorm(int(groups[1]), channels) if groups else NORMS[self.norm](channels)

    def make_activation(self) -> nn.Module:
        """The activation of every layer, which has no weights."""
        alpha = ELU.fullmatch(self.activation)
        return nn.ELU(float(alpha[1])) if alpha else ACTIVATIONS[self.activation]()


class TfcTdfV3Block(nn.Module):
    """Two convolutions with a residual TDF between them, and a 1x1 shortcut.

    Shape: (batch, before, T, F) -> (batch, after, T, F).
    """

    def __init__(self, before: int, after: int, bins: int, spec: TfcTdfV3Spec) -> None:
        super().__init__()
        units = bins // spec.bottleneck
        self.shortcut = nn.Conv2d(before, after, 1, bias=False)
        self.tfc1 = spec.normalised(before, nn.Conv2d(before, after, 3, padding=1, bias=False))
        self.tdf = nn.Sequential(
            spec.normalised(after, nn.Linear(bins, units, bias=False)),
            spec.normalised(after, nn.Linear(units, bins, bias=False)),
        )
        self.tfc2 = spec.normalised(after, nn.Conv2d(after, after, 3, padding=1, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        """Shape: (batch, before, T, F) -> (batch, after, T, F)."""
        y = self.tfc1(x)
        y = y + self.tdf(y)
        out: Tensor = self.tfc2(y) + self.shortcut(x)
        return out


def _blocks(before: int, after: int, bins: int, spec: TfcTdfV3Spec) -> nn.Sequential:
    widths = [before, *[after] * spec.n_layers]
    return nn.Sequential(*(TfcTdfV3Block(a, b, bins, spec) for a, b in pairwise(widths)))


class TfcTdfV3UNet(nn.Module):
    """TFC-TDF-U-Net v3: a spectrogram of the mixture in, spectrograms of all sources out.

    Instance norms average over a whole chunk, so it is trained and run on chunks of similar length.
    It divides its input by `scale`, the standard deviation of the spectra it was trained on, and
    multiplies its output by it.

    Shape: (batch, 4, dim_f, T) -> (batch, sources, 4, dim_f, T), or as the input for one source;
    T a multiple of strides[0]**n_levels.
    """

    scale: Tensor

    def __init__(self, spec: TfcTdfV3Spec) -> None:
        super().__init__()
        self.spec = spec
        inputs = spec.channels * spec.subbands
        widths = [spec.width + spec.growth * level for level in range(spec.n_levels + 1)]
        bands = spec.dim_f // spec.subbands
        bins = [bands // spec.strides[1] ** level for level in range(spec.n_levels + 1)]
        by = spec.strides
        self.register_buffer("scale", torch.ones(()))
        self.first = nn.Conv2d(inputs, widths[0], 1, bias=False)
        self.encoders = nn.ModuleList()
        self.downs = nn.ModuleList()
        self.ups = nn.ModuleList()
        self.decoders = nn.ModuleList()
        for level in range(spec.n_levels):
            wide, wider = widths[level], widths[level + 1]
            self.encoders.append(_blocks(wide, wide, bins[level], spec))
            self.downs.append(spec.normalised(wide, nn.Conv2d(wide, wider, by, by, bias=False)))
            up = nn.ConvTranspose2d(wider, wide, by, by, bias=False)
            self.ups.append(spec.normalised(wider, up))
            self.decoders.append(_blocks(2 * wide, wide, bins[level], spec))
        self.middle = _blocks(widths[-1], widths[-1], bins[-1], spec)
        self.last = nn.Sequential(
            nn.Conv2d(widths[0] + inputs, widths[0], 1, bias=False),
            spec.make_activation(),
            nn.Conv2d(widths[0], spec.sources * inputs, 1, bias=False),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Shape: (batch, 4, dim_f, T) -> (batch, sources, 4, dim_f, T); no S axis for one."""
        batch, channels, dim_f, frames = x.shape
        bands = channels * self.spec.subbands
        bands_first = (batch, bands, dim_f // self.spec.subbands, frames)
        # (batch, bands, T, F): linear layers act on F.
        mix = (x / self.scale).reshape(bands_first).transpose(-1, -2)
        first = self.first(mix)
        x = self.between(first)
        # The product lets the network mask the first layer's output.
        x = self.last(torch.cat([mix, x * first], dim=1)).transpose(-1, -2) * self.scale
        stems = (self.spec.sources,) if self.spec.sources > 1 else ()
        return x.reshape(batch, *stems, channels, dim_f, frames)

    def between(self, x: Tensor) -> Tensor:
        """The U between the first layer and the last. Shape: (batch, width, T, F) -> the same."""
        skips = []
        for encoder, down in zip(self.encoders, self.downs, strict=True):
            x = encoder(x)
            skips.append(x)
            x = down(x)
        x = self.middle(x)
        for up, decoder in zip(reversed(self.ups), reversed(self.decoders), strict=True):
            x = decoder(torch.cat([up(x), skips.pop()], dim=1))
        return x
