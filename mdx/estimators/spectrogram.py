"""Estimators whose network maps complex spectrograms: TFC-TDF-U-Net v1, v2 and v3, LaSAFT-Net.

Real and imaginary parts are channels: L.re, L.im, R.re, R.im. A network for one stem gives out the
shape that it takes; one for several stems has an axis for them before the channels.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from mdx.errors import ConfigError, NetworkError
from mdx.estimators.protocol import Geometry
from mdx.estimators.stft import Stft, StftSpec
from mdx.runtimes.network import FLOAT32, Network
from mdx.stages import Stages
from mdx.systems.spec import CHANNELS, Audio, EstimatorSpec, require

PARTS = 2 * CHANNELS
LAYOUT = f"float32 (batch, {PARTS}, F, T) in, the same out or (batch, stems, {PARTS}, F, T)"
MOST_OVERLAP = 0.99  # of a chunk; the work grows with 1 / (1 - overlap)


@dataclass(frozen=True)
class SpectrogramOptions:
    """What a system says of such an estimator, beside its weights and stems."""

    n_fft: int  # samples
    hop: int = 1024  # samples
    dim_f: int | None = None  # checked against the graph where given
    dim_t: int | None = None
    geometry: str = "kuielab"  # a key of GEOMETRIES
    # Of what two chunks yield, as a share of it. None: none, or with uvr n_fft samples.
    overlap: float | None = None
    trim: int | None = None  # kuielab: samples that a chunk loses at either end; None: n_fft / 2
    gain: float = 1.0  # of the estimate
    hidden_bins: int = 0  # the lowest ones, in whose place the network gets zeros

    def __post_init__(self) -> None:
        known = f"one of {', '.join(GEOMETRIES)}"
        require(self.geometry in GEOMETRIES, "geometry", f"'{self.geometry}'", known)
        untrimmed = self.trim is None or self.geometry == "kuielab"
        require(untrimmed, "trim", self.trim, "none but with the geometry kuielab")
        require(self.trim is None or self.trim >= 0, "trim", self.trim, "samples, 0 or more")
        require(0 < self.gain < np.inf, "gain", self.gain, "a number above 0")
        require(self.hidden_bins >= 0, "hidden_bins", self.hidden_bins, "0 or more")


def kuielab(size: StftSpec, overlap: float | None = None, trim: int | None = None) -> Geometry:
    """Chunks lose `trim` samples at either end, and the rest is strung together.

    With an `overlap`, a share of the rest, the mean of what two chunks yield counts. Raises
    ConfigError where nothing would be left, or chunks would not advance.

    Source: the released submission's inference (its last chunk, where it holds padding only and
    would be cut away whole, is not computed); with trim and overlap that of LaSAFT-Net.
    """
    trim = size.trim if trim is None else trim
    rest = size.chunk - 2 * trim
    require(rest >= 1, "trim", trim, f"less than half a chunk of {size.chunk} samples")
    return Geometry(rest, _step(rest, overlap or 0), before=trim, after=trim)


def _step(samples: int, overlap: float) -> int:
    # Cut down, not rounded, as UVR does it; 0 for what is no overlap.
    return int((1 - overlap) * samples) if 0 <= overlap <= MOST_OVERLAP else 0


def uvr(size: StftSpec, overlap: float | None = None, trim: int | None = None) -> Geometry:
    """Whole chunks overlap under a Hann window as long as what they hold of the song and its zeros.

    `overlap` is a share of the chunk, 0 for chunks side by side without a window; None: n_fft
    samples. Raises ConfigError where some samples would have no weight, or chunks hardly advance.

    Source: the MDX-Net separation of Ultimate Vocal Remover (chunks that lie behind the song's end
    are not computed). There, sample 0 of the padded song is 0 / 0: here too it is never looked at.
    """
    del trim  # there is none
    step = size.step if overlap is None else _step(size.chunk, overlap)
    # The window is zero at either end: what one chunk gives no weight must lie inside another.
    if step < 1 or (overlap != 0 and step > size.chunk - 2):
        raise ConfigError(
            "overlap",
            got=overlap,
            expected=f"0, or {2 / size.chunk:.1g} (two samples) to {MOST_OVERLAP:g} of a chunk",
        )
    return Geometry(
        size.chunk, step, lead=size.trim, tail=size.trim, multiple=size.step,
        window="rectangular" if overlap == 0 else "hann",
    )  # fmt: skip


GEOMETRIES: Mapping[str, Callable[[StftSpec, float | None, int | None], Geometry]] = {
    "kuielab": kuielab,
    "uvr": uvr,
}


class Spectrogram:
    """STFT, network, inverse STFT: one chunk a call, since batches are slower and larger."""

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

        Raises NetworkError where the graph does not fit the stems or the options, ConfigError where
        the sizes cannot be.
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
        size = StftSpec(options.n_fft, options.hop, dim_f, dim_t)
        self.geometry = GEOMETRIES[options.geometry](size, options.overlap, options.trim)
        self._stft = Stft(size, workers=workers)
        self._options = options

    def __call__(self, segments: Audio, *, stages: Stages, rng: np.random.Generator) -> Audio:
        """As mdx.estimators.protocol.Estimator has it; nothing here is random.

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
        with stages.time(self.name):
            assert self.network is not None
            found = self.network(spectrogram[np.newaxis])[0]
        found = found.reshape(len(self.makes), *spectrogram.shape)
        with stages.time("istft"):
            stems = np.stack([self._stft.inverse(stem) for stem in found])
        if self._options.gain != 1:
            stems *= np.float32(self._options.gain)
        return stems[:, :, self.geometry.before : held - self.geometry.after]


def check_layout(name: str, network: Network, stems: int = 1) -> tuple[int, int]:
    """The bins and frames that a graph takes; raises NetworkError where it has another layout."""
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
