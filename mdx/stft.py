"""STFT and its inverse between a chunk of audio and the spectrogram a network sees."""

import numpy as np
import numpy.typing as npt
from scipy import fft

from mdx.spec import CHANNELS, Audio, StftSpec


class Stft:
    """Both directions for one separator: float32, periodic Hann, centred frames, reflected ends.

    The same conventions as torch.stft(center=True) and torch.istft.
    """

    def __init__(self, spec: StftSpec, *, workers: int = 1) -> None:
        self.spec = spec
        self._workers = workers
        n = np.arange(spec.n_fft)
        self._window = (0.5 - 0.5 * np.cos(2 * np.pi * n / spec.n_fft)).astype(np.float32)
        squared = np.broadcast_to(self._window**2, (1, spec.dim_t, spec.n_fft))
        # What overlapping windows add up to, at every sample that is kept.
        self._envelope = self._overlap_add(squared)

    def forward(self, chunk: Audio) -> Audio:
        """Shape: (2, spec.chunk) -> (4, dim_f, dim_t); channels L.re, L.im, R.re, R.im."""
        spec = self.spec
        padded = np.pad(chunk, ((0, 0), (spec.trim, spec.trim)), mode="reflect")
        frames = np.lib.stride_tricks.sliding_window_view(padded, spec.n_fft, axis=1)
        bins = fft.rfft(frames[:, :: spec.hop] * self._window, axis=2, workers=self._workers)
        kept = bins[:, :, : spec.dim_f].transpose(0, 2, 1)
        parts = np.stack([kept.real, kept.imag], axis=1)
        return parts.reshape(2 * CHANNELS, spec.dim_f, spec.dim_t)

    def inverse(self, spectrogram: Audio) -> Audio:
        """Shape: (4, dim_f, dim_t) -> (2, spec.chunk); the bins cut away are zero."""
        spec = self.spec
        parts = spectrogram.reshape(CHANNELS, 2, spec.dim_f, spec.dim_t).transpose(0, 1, 3, 2)
        bins: npt.NDArray[np.complex64] = np.zeros(
            (CHANNELS, spec.dim_t, spec.n_bins), dtype=np.complex64
        )
        bins.real[:, :, : spec.dim_f] = parts[:, 0]
        bins.imag[:, :, : spec.dim_f] = parts[:, 1]
        frames = fft.irfft(bins, n=spec.n_fft, axis=2, workers=self._workers)
        audio: Audio = self._overlap_add(frames * self._window) / self._envelope
        return audio

    def _overlap_add(self, frames: Audio) -> Audio:
        # Frames are cut into slices of one hop, so that each slice position is added in one go.
        # Shape: (channels, dim_t, n_fft) -> (channels, chunk)
        spec = self.spec
        slices = -(-spec.n_fft // spec.hop)
        frames = np.pad(frames, ((0, 0), (0, 0), (0, slices * spec.hop - spec.n_fft)))
        frames = frames.reshape(len(frames), spec.dim_t, slices, spec.hop)
        total = np.zeros((len(frames), spec.dim_t + slices, spec.hop), dtype=np.float32)
        for index in range(slices):
            total[:, index : index + spec.dim_t] += frames[:, :, index]
        return total.reshape(len(frames), -1)[:, spec.trim : spec.trim + spec.chunk]
