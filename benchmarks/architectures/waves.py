"""Networks of spectra, magnitudes and waveforms with one interface: a mixture in, stems out."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from mdx.estimators.stft import StftSpec
from models.demucs_v2.network import Demucs
from training.spectrogram import spectrogram, waveform

EPSILON = 1e-4  # below the standard deviation of a mixture that is not silent


class Normalised(nn.Module):
    """A network whose input is normalised to standard deviation 1.

    Shape: (batch, 2, n) -> (batch, stems, 2, n)
    """

    def __init__(self, wave: nn.Module) -> None:
        super().__init__()
        self.wave = wave

    def forward(self, mix: Tensor) -> Tensor:
        """Shape: as for the class."""
        scale = mix.std(dim=(1, 2), keepdim=True) + EPSILON
        found: Tensor = self.wave(mix / scale) * scale[:, None]
        return found


class Spectra(nn.Module):
    """A network of complex spectra: TFC-TDF-U-Net of all versions, LaSAFT-Net.

    Shape: (batch, 2, chunk) -> (batch, stems, 2, chunk)
    """

    def __init__(self, net: nn.Module, spec: StftSpec) -> None:
        super().__init__()
        self.net, self.spec = net, spec
        self.level = spec.n_fft**0.5 / 2  # of the numbers in a spectrum of noise of power 1

    def forward(self, mix: Tensor) -> Tensor:
        """Shape: as for the class."""
        found = self.net(spectrogram(mix, self.spec) / self.level) * self.level
        stems = found if found.ndim == 5 else found[:, None]
        return waveform(stems, self.spec)


class Magnitudes(nn.Module):
    """A network of magnitudes, with the mixture's phase: Open-Unmix, X-UMX, D3Net, MMDenseLSTM.

    Shape: (batch, 2, n) -> (batch, stems, 2, n)
    """

    def __init__(self, net: nn.Module, *, n_fft: int, hop: int) -> None:
        super().__init__()
        self.net, self.n_fft, self.hop = net, n_fft, hop
        self.level = n_fft**0.5 / 2

    def forward(self, mix: Tensor) -> Tensor:
        """Shape: as for the class."""
        window = torch.hann_window(self.n_fft)
        flat = torch.stft(mix.flatten(0, 1), self.n_fft, self.hop, window=window,
                          return_complex=True)  # fmt: skip
        bins = flat.reshape(*mix.shape[:2], *flat.shape[1:])
        size = bins.abs()
        found = self.net(size / self.level) * self.level  # (batch, stems, 2, F, T)
        spectra = found * (bins / (size + EPSILON))[:, None]
        waves = torch.istft(spectra.flatten(0, 2), self.n_fft, self.hop, window=window,
                            length=mix.shape[-1])  # fmt: skip
        return waves.reshape(*spectra.shape[:3], -1)


class Samples(nn.Module):
    """A network of waveforms: ResUNetDecouple+, and Demucs-v2, whose input is padded with zeros.

    Shape: (batch, 2, n) -> (batch, stems, 2, n)
    """

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, mix: Tensor) -> Tensor:
        """Shape: as for the class."""
        if not isinstance(self.net, Demucs):
            found: Tensor = self.net(mix)
            return found
        samples = mix.shape[-1]
        more = self.net.valid_length(samples) - samples
        stems: Tensor = self.net(functional.pad(mix, (more // 2, more - more // 2)))
        start = (stems.shape[-1] - samples) // 2
        return stems[..., start : start + samples]
