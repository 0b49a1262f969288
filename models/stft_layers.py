"""STFT and its inverse as convolutions: for runtimes without an FFT of any size.

Windows are periodic Hann, frames are centred with reflection at both ends, as in torch.stft.
"""

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional


class Stft(nn.Module):
    """The STFT, as one convolution with windowed cosines and sines.

    Shape: (batch, channels, samples) -> real and imaginary part, each (batch, channels, T, F) with
    T = samples // hop + 1 and F = n_fft / 2 + 1.
    """

    def __init__(self, n_fft: int, hop: int) -> None:
        super().__init__()
        self.n_fft, self.hop = n_fft, hop
        waves = np.exp(-2j * np.pi * _phases(n_fft)) * hann(n_fft)
        self.kernel = _kernel(waves)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Shape: as for the class."""
        batch, channels, samples = x.shape
        x = x.reshape(batch * channels, 1, samples)
        x = functional.pad(x, (self.n_fft // 2, self.n_fft // 2), mode="reflect")
        x = functional.conv1d(x, self.kernel, stride=self.hop).transpose(1, 2)
        real, imaginary = x.reshape(batch, channels, x.shape[1], -1).chunk(2, dim=-1)
        return real, imaginary


class InverseStft(nn.Module):
    """The inverse: frames overlap and are added, over the sum of their squared windows.

    Shape: real and imaginary part, each (batch, channels, T, F) -> (batch, channels, samples).
    """

    def __init__(self, n_fft: int, hop: int) -> None:
        super().__init__()
        self.n_fft, self.hop = n_fft, hop
        waves = np.exp(2j * np.pi * _phases(n_fft)) * hann(n_fft) / n_fft
        waves[1:-1] *= 2  # except for 0 and Nyquist, a bin also represents its mirror image
        # The real part of a product: real parts multiplied minus imaginary parts multiplied.
        self.kernel = _kernel(waves.real - 1j * waves.imag)

    def forward(self, real: Tensor, imaginary: Tensor, samples: int) -> Tensor:
        """Shape: as for the class."""
        batch, channels, frames, _ = real.shape
        x = torch.cat([real, imaginary], dim=-1).reshape(batch * channels, frames, -1)
        x = functional.conv_transpose1d(x.transpose(1, 2), self.kernel, stride=self.hop)
        x = x / self._windows(frames).to(x.dtype)
        start = self.n_fft // 2
        return x[..., start : start + samples].reshape(batch, channels, samples)

    def _windows(self, frames: int) -> Tensor:
        # The sum of squared windows at every sample: a constant of a graph with fixed frames.
        total = np.zeros(self.hop * (frames - 1) + self.n_fft)
        for start in range(0, self.hop * frames, self.hop):
            total[start : start + self.n_fft] += hann(self.n_fft) ** 2
        return torch.from_numpy(total.clip(1e-11).astype(np.float32))


def hann(n_fft: int) -> npt.NDArray[np.float64]:
    """A periodic Hann window. Shape: (n_fft,)."""
    return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n_fft) / n_fft)


def _phases(n_fft: int) -> npt.NDArray[np.float64]:
    # Cycles of every bin at every sample, computed in integers to keep large products exact.
    bins, times = np.arange(n_fft // 2 + 1)[:, None], np.arange(n_fft)
    return (bins * times % n_fft) / n_fft


def _kernel(waves: npt.NDArray[np.complex128]) -> Tensor:
    # A tensor of the module's and no buffer: it is in no checkpoint. Shape: (2 * F, 1, n_fft)
    both = np.concatenate([waves.real, waves.imag]).astype(np.float32)
    return torch.from_numpy(both)[:, None]
