"""Traits of commercial records: double-tracked guitars, and the cutoff of a lossy codec."""

import numpy as np
from scipy import signal

from demo.dsp import SAMPLE_RATE, Audio, pan, peaking
from demo.splits import Rng

DOUBLED_SHARE = 0.4  # of guitar parts
CODEC_SHARE = 0.5  # of songs
# Cutoffs of encoders at 64, 96, 128, 160, 192 and 256 kb/s, Hz, weighted by how common they are.
_CUTS = {11000.0: 0.1, 15000.0: 0.15, 16000.0: 0.35, 17500.0: 0.1, 19000.0: 0.2, 19800.0: 0.1}
_LATE = (0.008, 0.030)  # seconds between two takes
_SWAY = 0.004  # seconds by which the second take drifts around that delay
_SWAY_HZ = 0.7


def double_track(x: Audio, rng: Rng) -> Audio:
    """A part as two takes, one on either side, not quite together.

    Shape: (2, n) -> the same
    """
    mono = x.mean(axis=0)
    n = mono.shape[-1]
    wander = rng.standard_normal(max(int(n / SAMPLE_RATE * 4), 2) + 1)
    sos = signal.butter(1, _SWAY_HZ, "lowpass", fs=4.0, output="sos")
    smooth = signal.sosfiltfilt(sos, wander, padlen=min(3, len(wander) - 1))
    smooth = np.interp(np.linspace(0, len(smooth) - 1, n), np.arange(len(smooth)), smooth)
    delay = rng.uniform(*_LATE) + _SWAY * smooth
    at = np.arange(n)
    second = np.interp(at - SAMPLE_RATE * np.maximum(delay, 0.0), at, mono, left=0.0)
    second = peaking(second, float(rng.uniform(400.0, 3000.0)), float(rng.uniform(-3.0, 3.0)), 0.8)
    side = float(rng.uniform(0.5, 1.0)) * float(rng.choice((-1.0, 1.0)))
    return pan(mono, side) + pan(second, -side)


def draw_cut(rng: Rng) -> float | None:
    """The cutoff of a lossy codec, Hz; None if the song has not been encoded."""
    if rng.random() >= CODEC_SHARE:
        return None
    return float(rng.choice(list(_CUTS), p=list(_CUTS.values())))
