"""SDR as the challenge defines it, and as the paper's table uses it.

Conventions:
    Arrays are (channels, samples); the reference comes before the estimate.
    Global SDR (challenge): one ratio of energies over a whole song, both channels pooled, float32,
        1e-7 added to signal and error; averaged over sources, then over songs.
    Framewise SDR (paper): BSS Eval v4. museval's image SDR is a plain ratio of energies on each
        second: its distortion terms add up to the error whatever the filters are, so no filter
        is computed here. Medians over frames, then over songs.

Source: the challenge's starter kit; museval 0.4.1 (Stoeter et al., "The 2018 Signal Separation
    Evaluation Campaign").
"""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from mdx.errors import AudioError
from mdx.systems.spec import SAMPLE_RATE, Audio

DELTA = np.float32(1e-7)

Frames = npt.NDArray[np.float64]  # one value per frame, NaN where a frame does not count


def global_sdr(reference: Audio, estimate: Audio) -> float:
    """The challenge's SDR of one source in one song, in dB.

    Silence estimated as silence is 0 dB. Shape: (2, samples) both. Raises AudioError if the shapes
    differ.
    """
    _check_shapes(reference, estimate)
    reference = reference.astype(np.float32)
    error = reference - estimate.astype(np.float32)
    signal = np.sum(np.square(reference)) + DELTA
    noise = np.sum(np.square(error)) + DELTA
    return float(10 * np.log10(signal / noise))


def framewise_sdr(
    references: Mapping[str, Audio],
    estimates: Mapping[str, Audio],
    *,
    window: int = SAMPLE_RATE,
    hop: int = SAMPLE_RATE,
) -> dict[str, Frames]:
    """The BSS Eval v4 SDR of every estimate on every frame, in dB.

    A frame is NaN for all sources if any reference or estimate is silent in it, that is, if its
    channels sum to exactly zero in every sample; a trailing partial frame is dropped. A frame
    without any error is +inf. There may be references without an estimate. Shape: (2, samples)
    each; `window` and `hop` in samples. Raises AudioError for an estimate without a reference and
    for shapes that differ.
    """
    if not set(estimates) <= set(references):
        raise AudioError("estimates", got=sorted(estimates), expected=sorted(references))
    first = next(iter(references.values()))
    for source, reference in references.items():
        _check_shapes(first, reference)
        _check_shapes(reference, estimates.get(source, reference))
    frames = max(1, (first.shape[1] - window + hop) // hop)
    signal = {source: np.zeros(frames) for source in estimates}
    noise = {source: np.zeros(frames) for source in estimates}
    silent = np.zeros(frames, dtype=bool)
    for index in range(frames):
        part = slice(index * hop, index * hop + window)
        for source, reference in references.items():
            wanted = reference[:, part].astype(np.float64)
            silent[index] |= not wanted.sum(axis=0).any()
            if source not in estimates:
                continue
            found = estimates[source][:, part].astype(np.float64)
            silent[index] |= not found.sum(axis=0).any()
            signal[source][index] = np.vdot(wanted, wanted)
            error = np.subtract(wanted, found, out=wanted)
            noise[source][index] = np.vdot(error, error)
    with np.errstate(divide="ignore", invalid="ignore"):
        return {
            source: np.where(silent, np.nan, 10 * np.log10(signal[source] / noise[source]))
            for source in estimates
        }


def median_over_frames(frames: Frames) -> float | None:
    """The median of the frames that count, as in museval; None if no frame does.

    Shape: (frames,), dB
    """
    counted = frames[np.isfinite(frames)]
    return float(np.median(counted)) if counted.size else None


def _check_shapes(reference: Audio, estimate: Audio) -> None:
    if reference.ndim != 2 or reference.shape != estimate.shape or not reference.size:
        raise AudioError(
            "estimate",
            got=f"shape {estimate.shape}",
            expected=f"(channels, samples) like the reference, {reference.shape}",
        )
