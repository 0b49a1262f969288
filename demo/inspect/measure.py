"""The measures of one stem: spectrum, width, crest factor, loudness and activity."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import signal

from demo.loudness import integrated_loudness
from mdx.systems.spec import SAMPLE_RATE, Audio

HERTZ = (60, 120, 250, 500, 1000, 2000, 4000, 8000, 12000, 15000)  # centres of the table's bands
CENTRES = 1000 * 10 ** (np.arange(-16, 13) / 10)  # Hz; the third octaves from 25 Hz to 16 kHz
WELCH = 16384  # samples; a bin is 2.7 Hz wide, and the band at 25 Hz has two
QUIETEST = -120.0  # dB relative to the loudest band; lower levels count as equal

BLOCK = SAMPLE_RATE // 5
FLOOR = -60.0  # dBFS; a block above it is active

Levels = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Measures:
    """The measures of one stem of one song, or their medians over songs."""

    curve: Levels  # (29,) dB in the third octaves, relative to the loudest of them
    levels: Levels  # (10,) the same in bands around HERTZ
    correlation: float  # of left and right, -1 to 1
    crest: float  # dB, peak over RMS of the whole file, both channels together
    loudness: float | None  # LUFS, integrated; None if too short or too quiet
    active: float  # share of the blocks of 0.2 s whose RMS is above FLOOR


def measure(audio: Audio) -> Measures | None:
    """Measure a stem; None if it is silent throughout. Shape: (2, samples)."""
    active = active_share(audio)
    if not active:
        return None
    curve, levels = long_term_spectrum(audio)
    power = np.square(audio, dtype=np.float64).mean()
    return Measures(
        curve=curve,
        levels=levels,
        correlation=correlate(audio),
        crest=float(10 * np.log10(np.square(np.abs(audio).max(), dtype=np.float64) / power)),
        loudness=integrated_loudness(audio),
        active=active,
    )


def active_share(audio: Audio) -> float:
    """The share of blocks of 0.2 s whose RMS is above -60 dBFS. Shape: (2, samples)."""
    edges = np.arange(0, audio.shape[1], BLOCK)
    power = np.square(audio, dtype=np.float64).mean(axis=0)
    sizes = np.diff(np.append(edges, len(power)))
    return float((np.add.reduceat(power, edges) / sizes > 10 ** (FLOOR / 10)).mean())


def long_term_spectrum(audio: Audio) -> tuple[Levels, Levels]:
    """Mean power density in dB, relative to that of the loudest third octave.

    Shape: (2, samples) -> (29,) in third octaves, (10,) in bands of the same width around HERTZ.
    """
    size = min(WELCH, audio.shape[1])
    hertz, density = signal.welch(audio.astype(np.float64), SAMPLE_RATE, nperseg=size)
    density = density.mean(axis=0)
    # A bin covers the range around its frequency, so bands may be narrower than a bin.
    step = SAMPLE_RATE / size
    edges = np.append(hertz - step / 2, hertz[-1] + step / 2)
    below = np.append(0.0, np.cumsum(density) * step)
    thirds, bands = (
        _mean_density(edges, below, np.asarray(centres, dtype=np.float64))
        for centres in (CENTRES, HERTZ)
    )
    loudest = max(float(thirds.max()), np.finfo(float).tiny)  # a constant signal has no spectrum
    floor = 10 ** (QUIETEST / 10)
    curve, levels = (
        10 * np.log10(np.maximum(values / loudest, floor)) for values in (thirds, bands)
    )
    return curve, levels


def correlate(audio: Audio) -> float:
    """The correlation of left and right; 0 if one of them is silent. Shape: (2, samples)."""
    left, right = audio.astype(np.float64)
    energy = np.sqrt((left @ left) * (right @ right))
    return float(np.clip(left @ right / energy, -1, 1)) if energy else 0.0


def _mean_density(edges: Levels, below: Levels, centres: Levels) -> Levels:
    low, high = centres * 2 ** (-1 / 6), centres * 2 ** (1 / 6)
    power = np.interp(high, edges, below) - np.interp(low, edges, below)
    return np.asarray(power / (high - low))
