"""Estimators whose network maps complex spectrograms: TFC-TDF-U-Net v1, v2 and v3, LaSAFT-Net.

Real and imaginary parts are channels: L.re, L.im, R.re, R.im. A network for one stem returns the
shape that it takes; one for several stems has an axis for them before the channels.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from mdx.errors import NetworkError
from mdx.estimators.chunks import GEOMETRIES
from mdx.estimators.stft import Stft, StftSpec
from mdx.runtimes.network import FLOAT32, Network
from mdx.stages import Stages
from mdx.systems.spec import CHANNELS, Audio, EstimatorSpec, require

PARTS = 2 * CHANNELS
QUIETEST = 1e-3  # of a loudness: fainter chunks, such as dither, are not made as loud as music
LAYOUT = f"float32 (batch, {PARTS}, F, T) in, the same out or (batch, stems, {PARTS}, F, T)"


@dataclass(frozen=True)
class SpectrogramOptions:
    """The options of such an estimator in a system, besides its weights and stems."""

    n_fft: int  # samples
    hop: int = 1024  # samples
    dim_f: int | None = None  # checked against the graph if given
    dim_t: int | None = None
    geometry: str = "kuielab"  # a key of GEOMETRIES
    # Of two chunks' trimmed output, as a share of it. None: 0, or with uvr n_fft samples.
    overlap: float | None = None
    trim: int | None = None  # kuielab: samples that a chunk loses at either end; None: n_fft / 2
    gain: float = 1.0  # of the estimate
    loudness: float | None = None  # that chunks are brought to, see loudness_of; None: not at all
    hidden_bins: int = 0  # the lowest ones, which are replaced by zeros in the network's input
    first_bin: int = 0  # where the estimate's own band begins; another estimator makes the rest

    def __post_init__(self) -> None:
        known = f"one of {', '.join(GEOMETRIES)}"
        require(self.geometry in GEOMETRIES, "geometry", f"'{self.geometry}'", known)
        untrimmed = self.trim is None or self.geometry == "kuielab"
        require(untrimmed, "trim", self.trim, "none but with the geometry kuielab")
        require(self.trim is None or self.trim >= 0, "trim", self.trim, "samples, 0 or more")
        require(0 < self.gain < np.inf, "gain", self.gain, "a number above 0")
        fine = self.loudness is None or 0 < self.loudness < np.inf
        require(fine, "loudness", self.loudness, "a number above 0")
        require(self.hidden_bins >= 0, "hidden_bins", self.hidden_bins, "0 or more")
        require(self.first_bin >= 0, "first_bin", self.first_bin, "0 or more")


class Spectrogram:
    """STFT, network, inverse STFT: one chunk per call, as batches are slower and larger."""

    options: ClassVar[type] = SpectrogramOptions
    has_network: ClassVar[bool] = True
    per_stem: ClassVar[bool] = False
    fixed_input: ClassVar[bool] = True
    heavy: ClassVar[bool] = False
    normalise: str | None = None
    fixed_length = True

    def __init__(
        self, spec: EstimatorSpec, options: SpectrogramOptions, network: Network, *, workers: int
    ) -> None:
        """`workers` are threads of the STFT.

        Raises NetworkError if the graph does not fit the stems or the options, ConfigError for
        impossible sizes.
        """
        assert spec.weights is not None
        self.name, self.makes = spec.name, spec.makes
        self.network: Network | None = network
        dim_f, dim_t = check_layout(spec.weights, network, len(spec.makes))
        for key, got in (("dim_f", dim_f), ("dim_t", dim_t)):
            expected = getattr(options, key)
            if expected not in (None, got):
                raise NetworkError(
                    spec.weights,
                    got=f"{key} {got} in the graph",
                    expected=f"{key} {expected} as in the system's YAML",
                    hint="correct the YAML or name another file",
                )
        first = options.first_bin
        require(
            first < dim_f, f"{spec.name}: first_bin", first, f"less than dim_f, which is {dim_f}"
        )
        size = StftSpec(options.n_fft, options.hop, dim_f, dim_t)
        self.geometry = GEOMETRIES[options.geometry](size, options.overlap, options.trim)
        self._stft = Stft(size, workers=workers)
        self._options = options

    def __call__(self, segments: Audio, *, stages: Stages, rng: np.random.Generator) -> Audio:
        """See mdx.estimators.protocol.Estimator; deterministic.

        Shape: (batch, 2, before + n + after) -> (batch, stems, 2, n)
        """
        del rng
        return np.stack([self._estimate(chunk, stages) for chunk in segments])

    def _estimate(self, chunk: Audio, stages: Stages) -> Audio:
        # Shape: (2, before + n + after) -> (stems, 2, n)
        held = chunk.shape[1]
        if held < self._stft.spec.chunk:
            chunk = np.pad(chunk, ((0, 0), (0, self._stft.spec.chunk - held)))
        with stages.time("stft"):
            spectrogram = self._stft.forward(chunk)
            spectrogram[:, : self._options.hidden_bins] = 0
            gain = self._bring_to_loudness(spectrogram)
        with stages.time(self.name):
            assert self.network is not None
            found = self.network(spectrogram[np.newaxis])[0]
            found = found.reshape(len(self.makes), *spectrogram.shape)
            found[:, :, : self._options.first_bin] = 0
        with stages.time("istft"):
            stems = np.stack([self._stft.inverse(stem) for stem in found])
        if (gain := gain * self._options.gain) != 1:
            stems *= np.float32(gain)
        return stems[:, :, self.geometry.before : held - self.geometry.after]

    def _bring_to_loudness(self, spectrogram: Audio) -> float:
        # In place; returns the factor that brings the estimates back.
        if self._options.loudness is None:
            return 1.0
        factor = max(loudness_of(spectrogram) / self._options.loudness, QUIETEST)
        spectrogram /= np.float32(factor)
        return factor


def loudness_of(spectrogram: Audio) -> float:
    """Root of the mean power of a chunk's frames, weighted with that power; 0 for silence.

    Without the weights, silence beside the music would make the music louder.
    Shape: (4, F, T)
    """
    power = np.einsum("pft,pft->t", spectrogram, spectrogram, dtype=np.float64)
    power /= spectrogram[..., 0].size
    total = power.sum()
    return float(np.sqrt((power**2).sum() / total)) if total else 0.0


def check_layout(name: str, network: Network, stems: int = 1) -> tuple[int, int]:
    """The bins and frames that a graph takes; raises NetworkError for another layout."""
    first, last = network.input, network.output
    shape = list(first.shape)
    bins, frames = shape[2:] if len(shape) == 4 else (None, None)
    outputs = [[PARTS, bins, frames]] if stems == 1 else []
    outputs.append([stems, PARTS, bins, frames])
    if (
        not isinstance(bins, int)
        or not isinstance(frames, int)
        or shape[1] != PARTS
        or (isinstance(shape[0], int) and shape[0] != 1)
        or list(last.shape[1:]) not in outputs
        or not first.kind == last.kind == FLOAT32
    ):
        expected = f"{LAYOUT}, with fixed F and T, for {stems} stem{'s' * (stems > 1)}"
        raise NetworkError(name, got=f"{first}, {last}", expected=expected)
    return bins, frames
