"""Signal building blocks shared by all instruments; audio is float64 at 44.1 kHz."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy import fft, signal

Audio = npt.NDArray[np.float64]

SAMPLE_RATE = 44100


def hertz(pitch: float) -> float:
    """Return the frequency of a MIDI pitch, Hz."""
    return float(440.0 * 2.0 ** ((pitch - 69.0) / 12.0))


def time_axis(n: int) -> Audio:
    """Return the times of `n` samples, seconds; shape (n,)."""
    return np.arange(n) / SAMPLE_RATE


def decay(n: int, t60: float) -> Audio:
    """Return an exponential that loses 60 dB in `t60` seconds; shape (n,)."""
    return np.exp(time_axis(n) * (-6.9078 / t60))


def gate(n: int, attack: float, release: float) -> Audio:
    """Return a flat envelope with raised-cosine ends of the given seconds; shape (n,)."""
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
    """Return a sawtooth with softened jumps (PolyBLEP), so that it hardly aliases.

    Args:
        frequency: Hz per sample, shape (n,).
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


def pluck(
    rng: np.random.Generator, frequency: float, n: int, *, t60: float, bright: float
) -> Audio:
    """Return a Karplus-Strong string, solved as one division in the frequency domain.

    The loop y[t] = x[t] + g * lowpass(y)[t - period] is a rational filter; sampling it on a
    circle of radius above 1 makes the circular wrap of the tail small, and periods need not be
    whole samples.

    Args:
        t60: decay of the fundamental, seconds.
        bright: 0..1, opens both the pick noise and the loop filter.
    """
    size = fft.next_fast_len(2 * n, real=True)
    growth = np.exp(np.log(10.0) / size)
    period = SAMPLE_RATE / frequency
    smear = 0.5 - 0.42 * bright
    burst = rng.uniform(-1, 1, int(period) + 1)
    burst = signal.lfilter([1.0 - 0.8 * (1 - bright)], [1.0, -0.8 * (1 - bright)], burst)
    burst -= burst.mean()
    z = growth * np.exp(2j * np.pi * np.arange(size // 2 + 1) / size)
    gain = 10 ** (-3 * period / SAMPLE_RATE / t60)
    loop = gain * ((1 - smear) + smear / z) * z ** -(period - smear)
    excitation = fft.rfft(burst * growth ** -np.arange(len(burst)), size)
    string = fft.irfft(excitation / (1 - loop), size)[:n] * growth ** np.arange(n)
    out: Audio = string / (np.abs(string).max() + 1e-9)
    return out


def band(x: Audio, low: float | None, high: float | None, order: int = 2) -> Audio:
    """Return `x` through a Butterworth high-pass at `low` and low-pass at `high` (Hz)."""
    if low is not None:
        x = signal.sosfilt(_butter(order, low, "highpass"), x)
    if high is not None and high < 0.45 * SAMPLE_RATE:
        x = signal.sosfilt(_butter(order, high, "lowpass"), x)
    return x


def _butter(order: int, frequency: float, kind: str) -> Audio:
    sos: Audio = signal.butter(order, frequency, kind, fs=SAMPLE_RATE, output="sos")
    return sos


def peaking(x: Audio, frequency: float, gain_db: float, q: float) -> Audio:
    """Return `x` (..., n) through a bell equaliser."""
    a = 10 ** (gain_db / 40)
    w = 2 * np.pi * frequency / SAMPLE_RATE
    alpha = np.sin(w) / (2 * q)
    b = np.array([1 + alpha * a, -2 * np.cos(w), 1 - alpha * a])
    c = np.array([1 + alpha / a, -2 * np.cos(w), 1 - alpha / a])
    out: Audio = signal.lfilter(b / c[0], c / c[0], x)
    return out


def pan(x: Audio, position: float) -> Audio:
    """Return mono `x` (n,) as stereo (2, n) with constant power; position -1 left .. 1 right."""
    angle = (position + 1) * np.pi / 4
    return np.stack([np.cos(angle) * x, np.sin(angle) * x])


def add_at(out: Audio, x: Audio, start: int) -> None:
    """Add `x` (..., m) into `out` (..., n) from sample `start`, cut at the end of `out`."""
    length = min(x.shape[-1], out.shape[-1] - start)
    if length > 0:
        out[..., start : start + length] += x[..., :length]


def room(x: Audio, rng: np.random.Generator, *, t60: float, wet: float, high: float) -> Audio:
    """Return stereo `x` (2, n) with a room of its own: decaying noise, darker above `high` Hz."""
    n = int(t60 * SAMPLE_RATE)
    impulse = rng.standard_normal((2, n)) * decay(n, t60) * gate(n, 0.004, 0.01)
    impulse = band(impulse, 150.0, high, order=1)
    impulse /= np.sqrt((impulse**2).sum(axis=-1, keepdims=True))
    tail: Audio = signal.oaconvolve(x, impulse, axes=-1)[:, : x.shape[-1]]
    return x + wet * tail


def render_bank(
    out: Audio,
    notes: list[tuple[float, float, float, float]],
    voice: Callable[[float, int], Audio],
    *,
    attack: float,
    release: float,
) -> None:
    """Add notes to `out`, synthesising each pitch once at the longest duration it needs.

    Args:
        out: (2, n), changed in place.
        notes: (start, duration, pitch, velocity) rows, seconds and MIDI.
        voice: (Hz, samples) -> sustained stereo wave (2, samples).
        attack: seconds; release: seconds after the note's duration.
    """
    longest: dict[float, float] = {}
    for _, duration, pitch, _ in notes:
        longest[pitch] = max(longest.get(pitch, 0.0), duration)
    waves = {
        pitch: voice(hertz(pitch), int((duration + release) * SAMPLE_RATE) + 1)
        for pitch, duration in sorted(longest.items())
    }
    for start, duration, pitch, velocity in notes:
        n = int((duration + release) * SAMPLE_RATE)
        add_at(out, waves[pitch][:, :n] * (velocity * gate(n, attack, release)),
               int(start * SAMPLE_RATE))  # fmt: skip
