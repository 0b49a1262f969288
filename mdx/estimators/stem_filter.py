"""The multichannel Wiener filter behind a system: its stems claim their shares of the mixture.

Estimates need not add up to the mixture, and what one stem gets wrong another may have right. The
filter models every stem as Gaussian, with its estimated power in each bin and frame, and with one
spatial covariance for each bin: where the stem lies between left and right.

Source: Nugraha et al., "Multichannel music separation with deep neural networks" (EUSIPCO 2016),
one EM iteration, as in mdx.estimators.wiener; but estimates here have phases of their own.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mdx.estimators.protocol import Geometry
from mdx.estimators.stft import Stft, StftSpec
from mdx.runtimes.network import Network
from mdx.stages import Stages
from mdx.systems.mappings import build
from mdx.systems.spec import CHANNELS, FILTER, Audio, CombinerSpec, require

Complex = npt.NDArray[np.complex64]
BLOCK = 512  # bins that are filtered at a time: these fit into the CPU's cache
# What is added to the mixture's covariance, which two channels that are alike make singular:
REGULARISATION = 1e-4  # of its trace
FLOOR = 1e-18  # far below the power of any bin at full scale; its square is a normal float32


@dataclass(frozen=True)
class FilterOptions:
    """The options of the step in a system."""

    n_fft: int  # samples
    hop: int  # samples
    segment: int  # frames over which the spatial covariances are computed
    share: float = 1.0  # of the filtered stems in what is returned; the rest is the estimates
    dim_f: int | None = None  # bins that are filtered, counted from 0 Hz; None: all

    def __post_init__(self) -> None:
        require(0 < self.share <= 1, "wiener: share", self.share, "a number above 0, at most 1")


class StemFilter:
    """The last step of a system; an Estimator whose segments hold its stems and the mixture.

    Neighbouring segments overlap by n_fft samples, over which one fades into the next.
    """

    name = FILTER
    normalise: str | None = None
    fixed_length = True
    network: Network | None = None

    def __init__(self, options: FilterOptions, stems: Sequence[str], *, workers: int) -> None:
        """`workers` are threads that filter; raises ConfigError for impossible sizes."""
        self.makes = tuple(stems)
        bins = options.n_fft // 2 + 1 if options.dim_f is None else options.dim_f
        size = StftSpec(options.n_fft, options.hop, bins, options.segment)
        self.geometry = Geometry(
            size.chunk, size.step, window="triangle", nested=False,
            channels=CHANNELS * (len(self.makes) + 1),
        )  # fmt: skip
        self._stft = Stft(size)  # of which each thread transforms other signals
        self._share = np.float32(options.share)
        self._workers = workers

    def __call__(self, segments: Audio, *, stages: Stages, rng: np.random.Generator) -> Audio:
        """See mdx.estimators.protocol.Estimator; the mixture's channels come last.

        Shape: (batch, 2 * stems + 2, n) -> (batch, stems, 2, n)
        """
        del rng
        return np.stack([self._filter(segment, stages) for segment in segments])

    def _filter(self, segment: Audio, stages: Stages) -> Audio:
        # Shape: (2 * stems + 2, n) -> (stems, 2, n)
        held, chunk = segment.shape[1], self._stft.spec.chunk
        # Squares of powers would leave the range of float32; a power of two changes no rounding.
        scale = np.float32(2.0 ** np.frexp(max(segment.max(), -segment.min()))[1])
        signals = np.zeros((len(segment) // CHANNELS, CHANNELS, chunk), dtype=np.float32)
        np.divide(segment.reshape(-1, CHANNELS, held), scale, out=signals[:, :, :held])
        size, stems = self._stft.spec, signals[:-1]
        bins = size.dim_f, size.dim_t
        # In memory as Stft has its spectrograms, the bins of a frame together.
        spectra = np.empty((*signals.shape[:2], *bins[::-1]), np.complex64).swapaxes(-1, -2)

        def forward(index: int) -> None:
            parts = self._stft.forward(signals[index]).reshape(CHANNELS, 2, *bins)
            spectra.real[index], spectra.imag[index] = parts[:, 0], parts[:, 1]

        def to_changes(start: int) -> None:
            # What the filter adds to a stem takes the stem's place, since it is 0 above dim_f.
            part = spectra[:, :, start : start + BLOCK]
            part[:-1] = filter_stems(part[:-1], part[-1]) - part[:-1]

        def change(index: int) -> None:
            parts = np.stack([spectra.real[index], spectra.imag[index]], axis=1)
            stems[index] += self._share * self._stft.inverse(parts.reshape(2 * CHANNELS, *bins))

        with ThreadPoolExecutor(self._workers) as pool:
            with stages.time("stft"):
                _each(pool, forward, range(len(signals)))
            with stages.time("combine"):
                _each(pool, to_changes, range(0, size.dim_f, BLOCK))
            with stages.time("istft"):
                _each(pool, change, range(len(stems)))
        stems *= scale
        return stems[:, :, :held]


def filter_stems(estimates: Complex, mix: Complex) -> Complex:
    """Every stem's expected part of a mixture, whose parts add up to it where any stem sounds.

    Shape: (stems, 2, F, T), (2, F, T) -> (stems, 2, F, T)
    """
    powers = _square(estimates)
    power = powers[:, 0] + powers[:, 1]
    # Spatial covariances with trace 1, each (stems, F, 1).
    total = power.sum(axis=-1, keepdims=True) + np.float32(FLOOR)
    left, right = (powers[:, side].sum(axis=-1, keepdims=True) / total for side in range(CHANNELS))
    cross = (estimates[:, 0] * estimates[:, 1].conj()).sum(axis=-1, keepdims=True) / total
    # The mixture's covariance, each (F, T).
    both_left, both_right, both_cross = ((power * it).sum(axis=0) for it in (left, right, cross))
    floor = np.float32(REGULARISATION) * (both_left + both_right) + np.float32(FLOOR)
    both_left += floor
    both_right += floor
    determinant = both_left * both_right - _square(both_cross)
    # The mixture under the inverse of its covariance.
    first = (both_right * mix[0] - both_cross * mix[1]) / determinant
    second = (both_left * mix[1] - both_cross.conj() * mix[0]) / determinant
    found = np.empty_like(estimates)
    found[:, 0] = power * (left * first + cross * second)
    found[:, 1] = power * (cross.conj() * first + right * second)
    return found


def _square(values: Complex) -> Audio:
    # Squared magnitudes, without the roots that np.abs would take.
    found: Audio = np.square(values.real) + np.square(values.imag)
    return found


def load_filter(spec: CombinerSpec, stems: Sequence[str], *, workers: int) -> StemFilter:
    """The filter of a system that makes these stems; raises ConfigError for wrong options.

    `workers` are threads that filter.
    """
    for key, got in (("weights", spec.weights), ("estimator", spec.estimator)):
        require(got is None, f"{spec.kind}: {key}", f"'{got}'", "none: it filters all stems")
    require(len(stems) > 1, spec.kind, "one stem", "several, which share the mixture")
    return StemFilter(build(FilterOptions, spec.options, spec.kind), stems, workers=workers)


def _each(pool: ThreadPoolExecutor, work: Callable[[int], None], indices: range) -> None:
    list(pool.map(work, indices))  # raises what they raise
