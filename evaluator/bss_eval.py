"""BSS Eval v4 in full: SDR, ISR, SIR and SAR of every source on every frame.

Each estimate is projected onto its own reference, filtered (spatial distortion), and onto all
references, filtered (interference); the remainder is artifacts. One set of 512-tap filters is
fitted to the whole track and then used on every frame.

Source: museval 0.4.1 (Stoeter et al., "The 2018 Signal Separation Evaluation Campaign"; Vincent
    et al., "Performance measurement in blind audio source separation"). The results are the same,
    the computation is not: correlations are accumulated block by block, one factorisation serves
    all estimates, and filters are applied in the frequency domain, to all sources at once.
"""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
from scipy import fft, linalg

from evaluator.metrics import Frames, framewise_sdr
from mdx.errors import AudioError
from mdx.systems.spec import CHANNELS, SAMPLE_RATE, Audio

TAPS = 512
BLOCK = 1 << 13  # FFT length in samples for accumulating correlations
# Ridge regularisation for linearly dependent references, relative to the mean energy; the
# projection onto all of them does not depend on it.
RIDGE = 1e-10

Array = npt.NDArray[np.float64]
Spectra = npt.NDArray[np.complex128]


def framewise_metrics(
    references: Mapping[str, Audio],
    estimates: Mapping[str, Audio],
    *,
    window: int = SAMPLE_RATE,
    hop: int = SAMPLE_RATE,
    taps: int = TAPS,
) -> dict[str, dict[str, Frames]]:
    """SDR, ISR, SIR and SAR in dB, by source and metric; NaN where a frame does not count.

    Frames, the rule for silent ones, and the errors raised are those of `framewise_sdr`, but every
    source needs an estimate, since leakage among them is measured. If the references have no energy
    at all in some frequency band (possible with filtered float32 audio, not with PCM files), the
    filters are arbitrary there, and the results differ from museval's.
    Shape: (2, samples) each; `window`, `hop` and `taps` in samples.
    """
    if set(references) != set(estimates):
        raise AudioError("estimates", got=sorted(estimates), expected=sorted(references))
    sdr = framewise_sdr(references, estimates, window=window, hop=hop)
    names = list(references)
    scores = {name: {"SDR": sdr[name]} for name in names}
    for name in names:
        for metric in ("ISR", "SIR", "SAR"):
            scores[name][metric] = np.full_like(sdr[name], np.nan)
    counted = np.flatnonzero(~np.isnan(sdr[names[0]]))
    if not counted.size:
        return scores
    wanted, found = list(references.values()), [estimates[name] for name in names]
    joint, own = _fit_filters(wanted, found, taps)
    size = fft.next_fast_len(min(window, wanted[0].shape[1]) + taps - 1, real=True)
    joint_response, own_response = fft.rfft(joint, size), fft.rfft(own, size)
    for frame in counted:
        part = slice(frame * hop, frame * hop + window)
        ratios = _decompose(
            _cut(wanted, part), _cut(found, part), joint_response, own_response, size
        )
        for metric, values in ratios.items():
            for name, value in zip(names, values, strict=True):
                scores[name][metric][frame] = value
    return scores


def _cut(stems: list[Audio], part: slice) -> Array:
    # The same slice of all stems. Shape: (2, samples) each -> (stems * 2, n)
    return np.concatenate([stem[:, part] for stem in stems], dtype=np.float64)


def _decompose(
    wanted: Array, found: Array, joint: Spectra, own: Spectra, size: int
) -> dict[str, Array]:
    # One frame. Shape: wanted and found (sources * 2, samples) -> (sources,) per metric
    spectrum = fft.rfft(wanted, size)
    pairs = spectrum.reshape(-1, CHANNELS, spectrum.shape[1])
    explained = fft.irfft(np.einsum("fwb,wb->fb", joint, spectrum), size)
    filtered = fft.irfft(np.einsum("sfwb,swb->sfb", own, pairs), size).reshape(explained.shape)
    true, estimate = np.zeros_like(explained), np.zeros_like(explained)
    true[:, : wanted.shape[1]], estimate[:, : found.shape[1]] = wanted, found

    def energy(signal: Array) -> Array:
        """The energy of each source, summed over both channels.

        Shape: (sources * 2, size) -> (sources,)
        """
        signal = signal.reshape(-1, CHANNELS, size)
        energies: Array = np.einsum("sct,sct->s", signal, signal)
        return energies

    with np.errstate(divide="ignore"):
        return {
            "ISR": 10 * np.log10(energy(true) / energy(filtered - true)),
            "SIR": 10 * np.log10(energy(filtered) / energy(explained - filtered)),
            "SAR": 10 * np.log10(energy(explained) / energy(estimate - explained)),
        }


def _fit_filters(wanted: list[Audio], found: list[Audio], taps: int) -> tuple[Array, Array]:
    # Least squares over the whole track.
    # Shape: joint (found, wanted, taps), own (source, found channel, wanted channel, taps)
    count = len(wanted) * CHANNELS
    correlations = _correlate(wanted, [*wanted, *found], taps)
    among, across = correlations[:, :count], correlations[:, count:]
    own = []
    for first in range(0, count, CHANNELS):
        pair = slice(first, first + CHANNELS)
        own.append(_solve(among[pair, pair], across[pair, pair]))
    return _solve(among, across), np.stack(own)


def _solve(among: Array, across: Array) -> Array:
    # Filters from the correlations of the references with each other and with the estimates.
    # Shape: (wanted, wanted, taps) and (wanted, found, taps) -> (found, wanted, taps)
    wanted, found, taps = across.shape
    target = across.transpose(0, 2, 1).reshape(wanted * taps, found)
    try:
        factor = linalg.cho_factor(_gram(among, 0.0), lower=True, overwrite_a=True)
    except linalg.LinAlgError:  # linearly dependent references, such as a mono stem's channels
        factor = linalg.cho_factor(_gram(among, RIDGE), lower=True, overwrite_a=True)
    filters = linalg.cho_solve(factor, target)
    solution: Array = filters.T.reshape(found, wanted, taps)
    return solution


def _gram(among: Array, ridge: float) -> Array:
    # Inner products of all references at all delays. Shape: (wanted * taps, wanted * taps)
    count, _, taps = among.shape
    # Zeros, not np.empty: the solver requires finite values even in the triangle it never uses.
    gram = np.zeros((count * taps, count * taps), order="F")
    for i in range(count):
        for j in range(i + 1):  # symmetric: the lower triangle is enough
            gram[i * taps : (i + 1) * taps, j * taps : (j + 1) * taps] = linalg.toeplitz(
                among[i, j], among[j, i]
            )
    diagonal = np.diag_indices_from(gram)
    gram[diagonal] += np.finfo(float).eps + ridge * gram[diagonal].mean()
    return gram


def _correlate(left: list[Audio], right: list[Audio], lags: int) -> Array:
    # sum over n of left[i, n] * right[j, n + lag]. Shape: (left * 2, right * 2, lags)
    step = BLOCK - lags + 1
    shape = (CHANNELS * len(left), CHANNELS * len(right), BLOCK // 2 + 1)
    total = np.zeros(shape, dtype=np.complex128)
    for start in range(0, left[0].shape[1], step):
        a = fft.rfft(_cut(left, slice(start, start + step)), BLOCK)
        b = fft.rfft(_cut(right, slice(start, start + BLOCK)), BLOCK)
        total += a.conj()[:, None] * b[None]
    correlations: Array = fft.irfft(total, BLOCK, axis=2)[:, :, :lags]
    return correlations
