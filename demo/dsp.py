"""Signal building blocks shared by all instruments; audio is float64 at 44.1 kHz."""

import numpy as np
import numpy.typing as npt
from scipy import signal

Audio = npt.NDArray[np.float64]

SAMPLE_RATE = 44100


def hertz(pitch: float) -> float:
    """The frequency of a MIDI pitch, Hz."""
    return float(440.0 * 2.0 ** ((pitch - 69.0) / 12.0))


def time_axis(n: int) -> Audio:
    """The times of `n` samples, seconds. Shape: (n,)."""
    return np.arange(n) / SAMPLE_RATE


def decay(n: int, t60: float) -> Audio:
    """An exponential decay by 60 dB in `t60` seconds. Shape: (n,)."""
    return np.exp(time_axis(n) * (-6.9078 / t60))


def gate(n: int, attack: float, release: float) -> Audio:
    """A flat envelope with raised-cosine ends of the given seconds. Shape: (n,)."""
    envelope = np.ones(n)
    for seconds, flip in ((attack, False), (release, True)):
        m = min(int(seconds * SAMPLE_RATE), n)
        ramp = 0.5 - 0.5 * np.cos(np.pi * np.arange(m) / max(m, 1))
        if flip:
            envelope[n - m :] *= ramp[::-1]
        else:
            envelope[:m] *= ramp
    return envelope


def saw(frequency: Audio, phase: float = 0.0) -> Audio:
    """A sawtooth with softened jumps (PolyBLEP) and little aliasing. Shape: (n,) -> (n,).

    Args:
        frequency: Hz of every sample.
        phase: start in cycles.
    """
    step = frequency / SAMPLE_RATE
    cycle = (phase + np.cumsum(step)) % 1.0
    out = 2.0 * cycle - 1.0
    after = np.flatnonzero(cycle < step)
    t = cycle[after] / step[after]
    out[after] -= 2 * t - t * t - 1
    before = np.flatnonzero(cycle > 1.0 - step)
    t = (cycle[before] - 1.0) / step[before]
    out[before] -= t * t + 2 * t + 1
    return out


def overdrive(x: Audio, gain: float, bias: float = 0.0) -> Audio:
    """`x` softly clipped, with fourfold oversampling against aliasing.

    Shape: (..., n) -> the same

    Args:
        gain: applied before clipping and undone after it; quiet sound keeps its level without bias.
        bias: makes the two halves of the wave unequal, which adds even harmonics.
    """
    fine = signal.resample_poly(x, 4, 1, axis=-1)
    bent = (np.tanh(gain * fine + bias) - np.tanh(bias)) / gain
    out: Audio = signal.resample_poly(bent, 1, 4, axis=-1)[..., : x.shape[-1]]
    return out


def band(x: Audio, low: float | None, high: float | None, order: int = 2) -> Audio:
    """`x` through a Butterworth high-pass at `low` and low-pass at `high`, Hz.

    Shape: (..., n) -> the same
    """
    if low is not None:
        x = signal.sosfilt(_butter(order, low, "highpass"), x)
    if high is not None and high < 0.45 * SAMPLE_RATE:
        x = signal.sosfilt(_butter(order, high, "lowpass"), x)
    return x


def _butter(order: int, frequency: float, kind: str) -> Audio:
    sos: Audio = signal.butter(order, frequency, kind, fs=SAMPLE_RATE, output="sos")
    return sos


def peaking(x: Audio, frequency: float, gain_db: float, q: float) -> Audio:
    """`x` through a bell equaliser, in Hz and dB. Shape: (..., n) -> the same."""
    a = 10 ** (gain_db / 40)
    w = 2 * np.pi * frequency / SAMPLE_RATE
    alpha = np.sin(w) / (2 * q)
    b = np.array([1 + alpha * a, -2 * np.cos(w), 1 - alpha * a])
    c = np.array([1 + alpha / a, -2 * np.cos(w), 1 - alpha / a])
    out: Audio = signal.lfilter(b / c[0], c / c[0], x)
    return out


def pan(x: Audio, position: float) -> Audio:
    """Mono as stereo with constant power; position -1 left .. 1 right. Shape: (n,) -> (2, n)."""
    angle = (position + 1) * np.pi / 4
    return np.stack([np.cos(angle) * x, np.sin(angle) * x])


def add_at(out: Audio, x: Audio, start: int) -> None:
    """Add `x` to `out` from sample `start` on; what exceeds the end of `out` is dropped.

    Shape: out (..., n), x (..., m)
    """
    length = min(x.shape[-1], out.shape[-1] - start)
    if length > 0:
        out[..., start : start + length] += x[..., :length]


def room(x: Audio, rng: np.random.Generator, *, t60: float, wet: float, high: float) -> Audio:
    """`x` in a room: reverberation of `t60` seconds (60 dB), darker above `high` Hz.

    Shape: (2, n) -> the same
    """
    n = int(t60 * SAMPLE_RATE)
    impulse = rng.standard_normal((2, n)) * decay(n, t60) * gate(n, 0.004, 0.01)
    impulse = band(impulse, 150.0, high, order=1)
    impulse /= np.sqrt((impulse**2).sum(axis=-1, keepdims=True))
    tail: Audio = signal.oaconvolve(x, impulse, axes=-1)[:, : x.shape[-1]]
    return x + wet * tail
