"""Building blocks of all drums: decaying modes, noise bursts, and variation between hits."""

from collections.abc import Callable, Sequence

import numpy as np

from demo.dsp import SAMPLE_RATE, Audio, band, decay, gate, time_axis
from demo.splits import Knobs, Rng

Strike = Callable[[Rng, float], Audio]  # (rng, hardness 0..1) -> one hit, mono (n,)
Maker = Callable[[Rng, Knobs], Strike]  # draws what all hits of one drum share
Mode = tuple[float, float, float]  # ratio to the fundamental, level, t60 in seconds


def vary(rng: Rng) -> tuple[float, float]:
    """Random factors for the pitch (up to 3 % either way) and the decay (30 %) of one hit."""
    return float(rng.uniform(0.97, 1.03)), float(rng.uniform(0.7, 1.3))


def samples(seconds: float) -> int:
    """A duration as a number of samples."""
    return int(seconds * SAMPLE_RATE)


def glide(n: int, hz: float, bend: float, settle: float) -> Audio:
    """The phase, radians, of a pitch that falls from hz * (1 + bend) to hz. Shape: (n,).

    Args:
        settle: time constant of the fall, seconds.
    """
    frequency = hz * (1.0 + bend * np.exp(time_axis(n) / -settle))
    phase: Audio = 2 * np.pi / SAMPLE_RATE * np.cumsum(frequency)
    return phase


def ring(phase: Audio, modes: Sequence[Mode], *, contact: float) -> Audio:
    """The sum of decaying modes with a common phase, radians. Shape: (n,) -> (n,).

    Args:
        contact: seconds that the stick touches the head; the modes rise in this time.
    """
    n = len(phase)
    ratios, levels, t60s = (np.array(column)[:, None] for column in zip(*modes, strict=True))
    fall = np.exp(-6.9078 / t60s * time_axis(n))
    total: Audio = (levels * fall * np.sin(ratios * phase)).sum(axis=0)
    return total * gate(n, contact, 0.02)


def burst(rng: Rng, t60: float, low: float, high: float, attack: float = 0.0004) -> Audio:
    """Decaying noise between two cutoffs (Hz), RMS near 1 at its start. Shape: (n,).

    Args:
        t60: seconds in which it decays by 60 dB; also its length.
        attack: seconds.
    """
    n = samples(t60) + 1
    noise = band(rng.standard_normal(n), low, high, order=1)
    width = (min(high, 20000.0) - low) / (SAMPLE_RATE / 2)
    out: Audio = noise * decay(n, t60) * gate(n, attack, 0.1 * t60) / np.sqrt(max(width, 0.02))
    return out


def mix(*parts: tuple[float, Audio]) -> Audio:
    """The sum of (level, hit) pairs of different lengths. Shape: (m,) each -> (longest m,)."""
    out = np.zeros(max(len(hit) for _, hit in parts))
    for level, hit in parts:
        out[: len(hit)] += level * hit
    return out


def dull(hit: Audio, hardness: float, touch: float) -> Audio:
    """Low-pass a hit: the softer, the darker. Shape: (n,) -> (n,).

    Args:
        touch: octaves between the cutoffs of the hardest hit and of the softest.
    """
    return band(hit, None, 24000.0 * 2.0 ** (touch * (hardness - 1.0)), order=1)
