"""The multichannel Wiener filter, from magnitudes of sources and a stereo mixture to spectrograms.

Every source is modelled as Gaussian, with a power for each bin and frame and a spatial covariance
for each bin. Both are computed once from the initial estimates, which is one EM iteration, and the
mixture is filtered with them.

Source: Nugraha et al., "Multichannel music separation with deep neural networks" (EUSIPCO 2016), as
implemented by norbert; D3Net's variant as in its released code.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Magnitudes = npt.NDArray[np.floating[Any]]  # (sources, 2, F, T)
Spectrogram = npt.NDArray[np.complexfloating[Any, Any]]  # (2, F, T), or (sources, 2, F, T)
Complex = npt.NDArray[np.complex128]
Real = npt.NDArray[np.float64]

EPSILON = float(np.finfo(np.float64).eps)  # norbert's value for a mixture in double precision
LOUDEST = 10.0  # magnitude that louder mixtures are scaled down to before epsilon is added
D3NET_EPSILON = 1e-10  # of the loudest power; a determinant that counts as 0


class _Covariance(NamedTuple):
    """Of left and right, a Hermitian matrix: powers, and left times the conjugate of right."""

    left: Real  # (F,) of a source, (F, T) of the mixture
    right: Real
    cross: Complex


class _Model(NamedTuple):
    """The Gaussian model of one source."""

    power: Real  # (F, T)
    space: _Covariance  # of the source at power 1


def wiener(
    magnitudes: Magnitudes, mix: Spectrogram, *, ratio_masks: bool = False, epsilon: float = EPSILON
) -> Complex:
    """Filter a mixture by one EM iteration, as X-UMX, Open-Unmix and MMDenseLSTM do.

    The initial estimates have the mixture's phase, and the given magnitudes or, with `ratio_masks`,
    the mixture's magnitude divided in proportion to them.

    Shape: (sources, 2, F, T), (2, F, T) -> (sources, 2, F, T)
    """
    scale = max(1.0, float(np.abs(mix).max(initial=0.0)) / LOUDEST)
    mixture = mix.astype(np.complex128) / scale
    initial = magnitudes.astype(np.float64) / scale
    if ratio_masks:
        initial *= np.abs(mixture) / (epsilon / scale + initial.sum(axis=0))
    turn = _turn(mixture)
    models = [_model(estimate, turn, epsilon) for estimate in initial]
    left, right, cross = _mixture_covariance(models)
    floor = np.sqrt(epsilon)
    inverse = _inverse(_Covariance(left + floor, right + floor, cross))
    return scale * _filtered(models, _product(inverse, mixture))


def d3net_wiener(magnitudes: Magnitudes, mix: Spectrogram) -> Complex:
    """Filter a mixture as D3Net's released code does: a floor under every power, no regularisation.

    Where the mixture's covariance has rank 1, the pseudo-inverse takes the place of its inverse.

    Shape: (sources, 2, F, T), (2, F, T) -> (sources, 2, F, T)
    """
    mixture = mix.astype(np.complex128)
    turn = _turn(mixture)
    models = [_d3net_model(estimate, turn) for estimate in magnitudes.astype(np.float64)]
    inverse = _pseudo_inverse(_mixture_covariance(models))
    return _filtered(models, _product(inverse, mixture))


def in_windows(
    magnitudes: Magnitudes, mix: Spectrogram,
    wiener_filter: Callable[[Magnitudes, Spectrogram], Complex], window: int,
) -> Spectrogram:  # fmt: skip
    """Filter window by window of `window` frames, the last one shorter, each independently.

    Shape: (sources, 2, F, T), (2, F, T) -> (sources, 2, F, T), complex64

    A window has its own spatial covariances, where the whole song has one set. On two composed
    songs of 90 s (hop 1024, estimates with a leak of 15 % and a noise of 30 %) the difference lies
    23 to 30 dB below a source's estimate for 300 frames, 26 to 34 dB for 900 and 31 to 41 dB for
    2584, a minute; against the true sources the SDR changes by at most 0.12 dB, either way.
    """
    estimates = np.empty(magnitudes.shape, dtype=np.complex64)
    for start in range(0, mix.shape[-1], window):
        part = slice(start, start + window)
        estimates[..., part] = wiener_filter(magnitudes[..., part], mix[..., part])
    return estimates


def _turn(mixture: Complex) -> Complex:
    # The phase of left relative to right, which all estimates share; a silent bin has phase 0.
    # Shape: (2, F, T) -> (F, T)
    size = np.abs(mixture)
    left, right = np.where(size > 0, mixture / np.where(size > 0, size, 1), 1)
    turn: Complex = left * right.conj()
    return turn


def _model(estimate: Real, turn: Complex, epsilon: float) -> _Model:
    power = (estimate**2).mean(axis=0)
    return _Model(power, _space(estimate, turn, epsilon + power.sum(axis=-1)))


def _d3net_model(estimate: Real, turn: Complex) -> _Model:
    power = (estimate**2).mean(axis=0)
    power += power.max() * D3NET_EPSILON
    return _Model(power, _space(estimate, turn, power.sum(axis=-1) + EPSILON))


def _space(estimate: Real, turn: Complex, weight: Real) -> _Covariance:
    # Products of channels, summed over frames. Shape: (2, F, T), (F, T), (F,) -> each (F,)
    left, right = (np.einsum("ft,ft->f", channel, channel) for channel in estimate)
    cross = np.einsum("ft,ft,ft->f", estimate[0], estimate[1], turn)
    return _Covariance(left / weight, right / weight, cross / weight)


def _mixture_covariance(models: list[_Model]) -> _Covariance:
    # Shape: each (F, T)
    shape = models[0].power.shape
    left, right, cross = np.zeros(shape), np.zeros(shape), np.zeros(shape, np.complex128)
    for power, space in models:
        left += power * space.left[:, np.newaxis]
        right += power * space.right[:, np.newaxis]
        cross += power * space.cross[:, np.newaxis]
    return _Covariance(left, right, cross)


def _inverse(matrix: _Covariance) -> _Covariance:
    # Shape: each (F, T) -> the same
    determinant = _determinant(matrix)
    return _Covariance(
        matrix.right / determinant, matrix.left / determinant, -matrix.cross / determinant
    )


def _pseudo_inverse(matrix: _Covariance) -> _Covariance:
    # For rank 1 it is the conjugate transpose, here the matrix itself, over the sum of squares.
    # Shape: each (F, T) -> the same
    left, right, cross = matrix
    determinant = _determinant(matrix)
    invertible = np.abs(determinant) >= D3NET_EPSILON
    over = np.where(invertible, determinant, left**2 + right**2 + 2 * np.abs(cross) ** 2 + EPSILON)
    sign = np.where(invertible, -1.0, 1.0)
    return _Covariance(
        np.where(invertible, right, left) / over,
        np.where(invertible, left, right) / over,
        cross * (sign / over),
    )


def _determinant(matrix: _Covariance) -> Real:
    # Shape: each (F, T) -> (F, T)
    determinant: Real = matrix.left * matrix.right - np.abs(matrix.cross) ** 2
    return determinant


def _product(matrix: _Covariance, mixture: Complex) -> Complex:
    # Shape: each (F, T), (2, F, T) -> (2, F, T)
    left, right = mixture
    return np.stack(
        [
            matrix.left * left + matrix.cross * right,
            matrix.cross.conj() * left + matrix.right * right,
        ]
    )


def _filtered(models: list[_Model], whitened: Complex) -> Complex:
    # Shape: models of each source, (2, F, T) -> (sources, 2, F, T)
    estimates = np.empty((len(models), *whitened.shape), dtype=np.complex128)
    for estimate, model in zip(estimates, models, strict=True):
        left, right, cross = model.space
        space = _Covariance(left[:, np.newaxis], right[:, np.newaxis], cross[:, np.newaxis])
        np.multiply(model.power, _product(space, whitened), out=estimate)
    return estimates
