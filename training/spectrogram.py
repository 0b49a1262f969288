"""The runtime's STFT in torch, for batches and with gradients."""

import torch
from torch import Tensor
from torch.nn import functional

from mdx.estimators.stft import StftSpec


def spectrogram(audio: Tensor, spec: StftSpec) -> Tensor:
    """Shape: (batch, 2, chunk) -> (batch, 4, dim_f, dim_t); channels L.re, L.im, R.re, R.im."""
    batch = audio.shape[0]
    window = torch.hann_window(spec.n_fft, periodic=True, device=audio.device)
    bins = torch.stft(
        audio.flatten(0, 1), spec.n_fft, spec.hop, window=window, center=True, return_complex=True
    )[:, : spec.dim_f]
    parts = torch.view_as_real(bins).permute(0, 3, 1, 2)  # (batch * 2, re and im, F, T)
    return parts.reshape(batch, 4, spec.dim_f, spec.dim_t)


def above(first: int, spectra: Tensor) -> Tensor:
    """Spectra with zeros below the bin `first`. Shape: (..., F, T) -> the same."""
    return functional.pad(spectra[..., first:, :], (0, 0, first, 0))


def high_band(audio: Tensor, spec: StftSpec, first: int) -> Tensor:
    """Audio without what is below the bin `first`. Shape: (..., 2, chunk) -> the same."""
    spectra = spectrogram(audio.reshape(-1, *audio.shape[-2:]), spec)
    return waveform(above(first, spectra), spec).reshape(audio.shape)


def waveform(spectra: Tensor, spec: StftSpec) -> Tensor:
    """Shape: (..., 4, dim_f, dim_t) -> (..., 2, chunk); the bins above dim_f are zero."""
    leading = spectra.shape[:-3]
    parts = spectra.reshape(-1, 2, spec.dim_f, spec.dim_t).permute(0, 2, 3, 1)
    bins = torch.view_as_complex(parts.contiguous())
    bins = functional.pad(bins, (0, 0, 0, spec.n_bins - spec.dim_f))
    window = torch.hann_window(spec.n_fft, periodic=True, device=spectra.device)
    audio = torch.istft(bins, spec.n_fft, spec.hop, window=window, center=True, length=spec.chunk)
    return audio.reshape(*leading, 2, spec.chunk)
