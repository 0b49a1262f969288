"""STFT and its inverse between a chunk of audio and the spectrogram a network sees."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import fft

from mdx.errors import ConfigError
from mdx.systems.spec import CHANNELS, Audio

BLOCK = 16  # frames transformed at a time: these fit into the CPU's cache, a whole chunk would not


@dataclass(frozen=True)
class StftSpec:
    """Sizes of one separator: everything else about its chunks is derived from these four."""

    n_fft: int  # samples
    hop: int  # samples
    dim_f: int  # frequency bins that the network sees, counted from 0 Hz
    dim_t: int  # frames of one chunk

    def __post_init__(self) -> None:
        if self.n_fft % 2 or self.hop < 1 or self.n_fft < 2 * self.hop:
            raise ConfigError(
                "STFT",
                got=f"n_fft {self.n_fft}, hop {self.hop}",
                expected="an even n_fft of at least twice the hop",
            )
        if not 1 <= self.dim_f <= self.n_bins:
            raise ConfigError(
                "STFT",
                got=f"dim_f {self.dim_f}",
                expected=f"1 to {self.n_bins}, the bins of n_fft {self.n_fft}",
            )
        if self.step < 1:
            raise ConfigError(
                "STFT",
                got=f"{self.dim_t} frames of hop {self.hop}: a chunk of {self.chunk} samples",
                expected=f"a chunk longer than n_fft {self.n_fft}, which is trimmed away",
            )

    @property
    def n_bins(self) -> int:
        """Bins of the whole spectrum, 0 Hz and Nyquist included."""
        return self.n_fft // 2 + 1

    @property
    def chunk(self) -> int:
        """Samples that one call of the network covers."""
        return self.hop * (self.dim_t - 1)

    @property
    def trim(self) -> int:
        """Samples dropped at either end of a chunk, where frames see padding."""
        return self.n_fft // 2

    @property
    def step(self) -> int:
        """Samples of output that one chunk yields."""
        return self.chunk - self.n_fft


class Stft:
    """Both directions for signals of one size, in float32, with a periodic Hann window.

    Frames are centred and ends reflected, as in torch.stft(center=True) and torch.istft.
    """

    def __init__(self, spec: StftSpec, *, workers: int = 1) -> None:
        self.spec = spec
        self._workers = workers
        n = np.arange(spec.n_fft)
        self._window = (0.5 - 0.5 * np.cos(2 * np.pi * n / spec.n_fft)).astype(np.float32)
        squared = np.broadcast_to(self._window**2, (1, spec.dim_t, spec.n_fft))
        # The sum of the overlapping windows, at every sample that may be kept.
        most = spec.chunk + spec.hop - 1
        self._envelope = self._overlap_add(lambda block: squared[:, block], 1, most)

    def forward(self, chunk: Audio) -> Audio:
        """Shape: (2, spec.chunk) -> (4, dim_f, dim_t); channels L.re, L.im, R.re, R.im.

        Up to a hop of additional samples adds no frame. In memory the bins of a frame are
        contiguous, as they leave the transform.
        """
        spec = self.spec
        padded = np.pad(chunk, ((0, 0), (spec.trim, spec.trim)), mode="reflect")
        frames = np.lib.stride_tricks.sliding_window_view(padded, spec.n_fft, axis=1)
        frames = frames[:, :: spec.hop]
        parts = np.empty((CHANNELS, 2, spec.dim_t, spec.dim_f), dtype=np.float32)
        for start in range(0, spec.dim_t, BLOCK):
            block = slice(start, start + BLOCK)
            bins = fft.rfft(frames[:, block] * self._window, axis=2, workers=self._workers)
            parts[:, 0, block] = bins.real[:, :, : spec.dim_f]
            parts[:, 1, block] = bins.imag[:, :, : spec.dim_f]
        return parts.reshape(2 * CHANNELS, spec.dim_t, spec.dim_f).transpose(0, 2, 1)

    def inverse(self, spectrogram: Audio, samples: int | None = None) -> Audio:
        """Shape: (4, dim_f, dim_t) -> (2, samples); the bins above dim_f are zero.

        `samples` is spec.chunk, or less than a hop more.
        """
        spec = self.spec
        samples = spec.chunk if samples is None else samples
        parts = spectrogram.reshape(CHANNELS, 2, spec.dim_f, spec.dim_t).transpose(0, 1, 3, 2)

        def frames(block: slice) -> Audio:
            """Windowed frames of `block`. Shape: (channels, frames of block, n_fft)."""
            size = len(range(spec.dim_t)[block])
            bins: npt.NDArray[np.complex64] = np.zeros(
                (CHANNELS, size, spec.n_bins), dtype=np.complex64
            )
            bins.real[:, :, : spec.dim_f] = parts[:, 0, block]
            bins.imag[:, :, : spec.dim_f] = parts[:, 1, block]
            found: Audio = fft.irfft(
                bins, n=spec.n_fft, axis=2, overwrite_x=True, workers=self._workers
            )
            found *= self._window
            return found

        audio: Audio = self._overlap_add(frames, CHANNELS, samples) / self._envelope[:, :samples]
        return audio

    def _overlap_add(self, frames: Callable[[slice], Audio], channels: int, samples: int) -> Audio:
        # Frames are cut into slices of one hop, so that each slice position is added in one go.
        # Shape: (channels, block, n_fft) for all blocks of dim_t -> (channels, samples)
        spec = self.spec
        slices = -(-spec.n_fft // spec.hop)
        total = np.zeros((channels, spec.dim_t + slices, spec.hop), dtype=np.float32)
        for start in range(0, spec.dim_t, BLOCK):
            found = frames(slice(start, start + BLOCK))
            for index in range(slices):
                part = found[:, :, index * spec.hop : (index + 1) * spec.hop]
                stop = start + index + part.shape[1]
                total[:, start + index : stop, : part.shape[2]] += part
        return total.reshape(channels, -1)[:, spec.trim : spec.trim + samples]
