"""Estimators whose networks map magnitudes: Open-Unmix, X-UMX, D3Net, MMDenseLSTM.

There is one network for all stems, or one for each; either way the Wiener filter gets the
magnitudes of all stems at once.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from mdx.errors import NetworkError
from mdx.estimators.patches import in_patches
from mdx.estimators.protocol import Geometry
from mdx.estimators.stft import Stft, StftSpec
from mdx.estimators.wiener import d3net_wiener, in_windows, wiener
from mdx.runtimes.network import FLOAT32, Network
from mdx.stages import Stages
from mdx.systems.spec import CHANNELS, Audio, EstimatorSpec, require

ComplexMix = npt.NDArray[np.complex64]  # (2, F, T)
OPEN_UNMIX_EPSILON = 1e-10


def mixture_phase(magnitudes: Audio, mix: ComplexMix) -> ComplexMix:
    """No filter: magnitudes with the mixture's phase; a silent bin has phase 0.

    Shape: (stems, 2, F, T), (2, F, T) -> (stems, 2, F, T)
    """
    size = np.abs(mix)
    phase = np.where(size > 0, mix / np.where(size > 0, size, 1), 1).astype(np.complex64)
    estimates: ComplexMix = np.multiply(magnitudes, phase, dtype=np.complex64)
    return estimates


FILTERS: Mapping[str, Callable[..., Any]] = {
    "none": mixture_phase,
    "wiener": wiener,  # as in norbert, in double precision
    "open_unmix": partial(wiener, epsilon=OPEN_UNMIX_EPSILON),
    "ratio_masks": partial(wiener, ratio_masks=True),
    "d3net": d3net_wiener,
}


@dataclass(frozen=True)
class MagnitudeOptions:
    """The options of such an estimator in a system, besides its weights and stems."""

    n_fft: int  # samples
    segment: int  # frames that are kept of one call's output
    hop: int = 1024  # samples
    context: int = 0  # frames on either side that the networks also get
    overlap: float = 0.0  # of neighbouring patches, if the network's T is fixed: 0 or 0.5
    flip: bool = False  # average with the output for swapped channels: twice the work
    wiener: str = "none"  # a key of FILTERS
    window: int | None = None  # frames that are filtered separately; None: all of a call

    def __post_init__(self) -> None:
        require(self.hop >= 1, "hop", self.hop, "samples, at least 1")
        require(self.segment >= 1, "segment", self.segment, "frames, at least 1")
        require(self.overlap in (0, 0.5), "overlap", self.overlap, "0 or 0.5 of a patch")
        known = f"one of {', '.join(FILTERS)}"
        require(self.wiener in FILTERS, "wiener", repr(self.wiener), known)
        fine = self.window is None or (self.window >= 1 and self.segment % self.window == 0)
        expected = f"a part of the segment of {self.segment} frames, so that windows go on"
        require(fine, "window", self.window, expected)


class Magnitude:
    """STFT, networks, Wiener filter, inverse STFT of long segments with their neighbours.

    The centre of each segment is kept. A song that fits into one call is separated as published,
    without context; songs shorter than a frame and a hop are padded with zeros.
    """

    options: ClassVar[type] = MagnitudeOptions
    has_network: ClassVar[bool] = True
    per_stem: ClassVar[bool] = True
    fixed_input: ClassVar[bool] = False  # lengths vary
    heavy: ClassVar[bool] = True
    normalise: str | None = None
    fixed_length = False
    network: Network | None = None  # magnitudes have no sign

    def __init__(
        self, spec: EstimatorSpec, options: MagnitudeOptions, network: tuple[Network, ...], *,
        workers: int,
    ) -> None:  # fmt: skip
        """`network` is one for all stems, or one for each; `workers` are threads of the STFT.

        Raises NetworkError if a graph does not fit the stems or the options, ConfigError for
        impossible sizes.
        """
        self.name, self.makes = spec.name, spec.makes
        self._networks, self._options, self._workers = network, options, workers
        self._least = options.n_fft + options.hop  # samples of a call
        stems = len(spec.makes) // len(network)
        names = spec.networks.values()
        self._patches = [
            check_magnitudes(name, part, stems, options.n_fft // 2 + 1)
            for name, part in zip(names, network, strict=True)
        ]
        around = self._check_frames()
        self.geometry = Geometry(
            (options.segment + 2 * around) * options.hop, options.segment * options.hop,
            window="centre", nested=False,
            grain=options.hop * max((size for size in self._patches if size), default=1),
        )  # fmt: skip

    def _check_frames(self) -> int:
        # Frames around those kept; with too few, edge effects would reach what is kept.
        options = self._options
        patch = max((size for size in self._patches if size is not None), default=0)
        least = patch + -(-options.n_fft // options.hop)
        require(
            options.context >= least, "context", f"{options.context} frames",
            f"at least {least}: a patch of the network and a frame of the STFT",
        )  # fmt: skip
        for size in self._patches:
            step = int((1 - options.overlap) * size) if size is not None else 1
            expected = f"a multiple of {step} frames, so that patches go on in the next segment"
            require(options.segment % step == 0, "segment", options.segment, expected)
        return options.context

    def __call__(self, segments: Audio, *, stages: Stages, rng: np.random.Generator) -> Audio:
        """See mdx.estimators.protocol.Estimator; deterministic.

        Shape: (batch, 2, n) -> (batch, stems, 2, n)
        """
        del rng
        return np.stack([self._estimate(mix, stages) for mix in segments])

    def _estimate(self, mix: Audio, stages: Stages) -> Audio:
        # Shape: (2, n) -> (stems, 2, n)
        held = mix.shape[1]
        mix = np.pad(mix, ((0, 0), (0, max(0, self._least - held))))
        samples, options = mix.shape[1], self._options
        bins, frames = options.n_fft // 2 + 1, samples // options.hop + 1
        stft = Stft(StftSpec(options.n_fft, options.hop, bins, frames), workers=self._workers)
        with stages.time("stft"):
            parts = stft.forward(mix).reshape(CHANNELS, 2, bins, frames)
            mixture = parts[:, 0] + np.complex64(1j) * parts[:, 1]
        with stages.time(self.name):
            estimates = self._filter(self._magnitudes(np.abs(mixture)), mixture)
        with stages.time("istft"):
            stems = [
                stft.inverse(_parts_of(estimate).reshape(-1, bins, frames), samples)
                for estimate in estimates
            ]
        return np.stack(stems)[..., :held]

    def _magnitudes(self, mix: Audio) -> Audio:
        # Shape: (2, F, T) -> (stems, 2, F, T)
        found = []
        for network, size in zip(self._networks, self._patches, strict=True):
            run = partial(_run_flipped if self._options.flip else _run, network)
            if size is not None:
                run = partial(in_patches, run, size=size, overlap=self._options.overlap)
            found.append(run(mix))
        return np.concatenate(found)

    def _filter(self, magnitudes: Audio, mix: ComplexMix) -> ComplexMix:
        # Shape: (stems, 2, F, T), (2, F, T) -> (stems, 2, F, T)
        window = self._options.window or mix.shape[2]
        return in_windows(magnitudes, mix, FILTERS[self._options.wiener], window)


def _run(network: Network, mix: Audio) -> Audio:
    # Shape: (2, F, T) -> (stems, 2, F, T)
    found: Audio = network(np.ascontiguousarray(mix[np.newaxis]))[0]
    return found


def _run_flipped(network: Network, mix: Audio) -> Audio:
    # Shape: (2, F, T) -> (stems, 2, F, T)
    mean: Audio = (_run(network, mix) + _run(network, mix[::-1])[:, ::-1]) / np.float32(2)
    return mean


def _parts_of(estimate: ComplexMix) -> Audio:
    # Shape: (2, F, T) -> (2, 2, F, T), real and imaginary part of each channel
    parts: Audio = np.stack([estimate.real, estimate.imag], axis=1)
    return parts


def check_magnitudes(name: str, network: Network, stems: int, bins: int) -> int | None:
    """The frames that a graph accepts, None for any; raises NetworkError for another layout."""
    first, last = network.input, network.output
    shape = list(first.shape)
    frames = shape[-1] if isinstance(shape[-1], int) else None
    ends = [[CHANNELS, bins], [stems, CHANNELS, bins]]
    fixed = [[size for size in end.shape[1:] if isinstance(size, int)] for end in (first, last)]
    expected = ends if frames is None else [[*end, frames] for end in ends]
    if len(shape) != 4 or fixed != expected or {first.kind, last.kind} != {FLOAT32}:
        layout = f"float32 (b, {CHANNELS}, {bins}, T) in, (b, {stems}, {CHANNELS}, {bins}, T) out"
        raise NetworkError(name, got=f"{first}, {last}", expected=layout)
    return frames
