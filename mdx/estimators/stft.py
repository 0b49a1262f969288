"""STFT and its inverse between a chunk of audio and the spectrogram a network sees."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mdx.errors import ConfigError
from mdx.systems.spec import CHANNELS, Audio

BLOCK = 32  # frames transformed at a time: these fit into the CPU's cache, a whole chunk would not


@dataclass(frozen=True)
class StftSpec:
    """Sizes of a chunk and its STFT: everything else about chunks is derived from these four."""

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
        """With more than one of `workers`, both channels are transformed at once."""
        self.spec = spec
        self._pool = ThreadPoolExecutor(CHANNELS) if workers > 1 else None  # it waits between calls
        n = np.arange(spec.n_fft)
        self._window = (0.5 - 0.5 * np.cos(2 * np.pi * n / spec.n_fft)).astype(np.float32)
        squared = np.broadcast_to(self._window**2, (spec.dim_t, spec.n_fft))
        total = self._silence(1)
        self._overlap_add(lambda block: squared[block], total[0])
        # The sum of the overlapping windows, at every sample that may be kept.
        self._envelope = self._trim(total, spec.chunk + spec.hop - 1)[0]

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
        # numpy transforms float32 in float32 only where there is something to scale by: by 1 / n
        # here, which the window takes back.
        window = self._window * np.float32(spec.n_fft)
        signals, spectra = self._room()

        def transform(channel: int) -> None:
            for block in self._blocks():
                found = frames[channel, block]
                signal, bins = (room[channel, : len(found)] for room in (signals, spectra))
                np.multiply(found, window, out=signal)
                np.fft.rfft(signal, norm="forward", out=bins)
                parts[channel, 0, block] = bins.real[:, : spec.dim_f]
                parts[channel, 1, block] = bins.imag[:, : spec.dim_f]

        self._for_each_channel(transform)
        return parts.reshape(2 * CHANNELS, spec.dim_t, spec.dim_f).transpose(0, 2, 1)

    def inverse(self, spectrogram: Audio, samples: int | None = None) -> Audio:
        """Shape: (4, dim_f, dim_t) -> (2, samples); the bins above dim_f are zero.

        `samples` is spec.chunk, or less than a hop more.
        """
        spec = self.spec
        samples = spec.chunk if samples is None else samples
        parts = spectrogram.reshape(CHANNELS, 2, spec.dim_f, spec.dim_t).transpose(0, 1, 3, 2)
        signals, spectra = self._room()
        total = self._silence(CHANNELS)

        def transform(channel: int) -> None:
            def frames(block: slice) -> Audio:
                """Windowed frames of `block`. Shape: (frames of block, n_fft)."""
                found = parts[channel, :, block]
                signal, bins = (room[channel, : found.shape[1]] for room in (signals, spectra))
                bins.real[:, : spec.dim_f], bins.imag[:, : spec.dim_f] = found
                np.fft.irfft(bins, n=spec.n_fft, out=signal)
                signal *= self._window
                return signal

            self._overlap_add(frames, total[channel])

        self._for_each_channel(transform)
        audio: Audio = self._trim(total, samples) / self._envelope[:samples]
        return audio

    def _room(self) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:  # float32, complex64
        # For one block of each channel: frames, and bins, which are zero. What threads allocate
        # themselves, glibc would keep for each of them.
        spec = self.spec
        frames = np.empty((CHANNELS, BLOCK, spec.n_fft), dtype=np.float32)
        return frames, np.zeros((CHANNELS, BLOCK, spec.n_bins), dtype=np.complex64)

    def _blocks(self) -> list[slice]:
        return [slice(start, start + BLOCK) for start in range(0, self.spec.dim_t, BLOCK)]

    def _for_each_channel(self, transform: Callable[[int], None]) -> None:
        run = map if self._pool is None else self._pool.map
        list(run(transform, range(CHANNELS)))  # raises what they raise

    def _silence(self, channels: int) -> Audio:
        spec = self.spec
        return np.zeros((channels, spec.dim_t + self._slices, spec.hop), dtype=np.float32)

    def _trim(self, total: Audio, samples: int) -> Audio:
        return total.reshape(len(total), -1)[:, self.spec.trim : self.spec.trim + samples]

    @property
    def _slices(self) -> int:
        return -(-self.spec.n_fft // self.spec.hop)  # of one hop, in a frame

    def _overlap_add(self, frames: Callable[[slice], Audio], total: Audio) -> None:
        # Frames are cut into slices of one hop, so that each slice position is added in one go.
        # Shape: (block, n_fft) for all blocks of dim_t, onto (dim_t + slices, hop)
        hop = self.spec.hop
        for block in self._blocks():
            found = frames(block)
            for index in range(self._slices):
                part = found[:, index * hop : (index + 1) * hop]
                start = block.start + index
                total[start : start + len(part), : part.shape[1]] += part
