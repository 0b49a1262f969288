"""Measures for the tests of instruments."""

import numpy as np
from scipy import signal

from demo.dsp import SAMPLE_RATE, Audio
from demo.instruments.instrument import Instrument
from demo.score import Note
from demo.splits import Knobs, Palette


def middle(instrument: Instrument, **changes: float) -> Knobs:
    """The middle of every range, except for the changes."""
    knobs = {name: (low + high) / 2 for name, (low, high) in instrument.ranges.items()}
    assert set(changes) <= set(knobs)
    return knobs | changes


def play(
    instrument: Instrument, notes: tuple[Note, ...], seconds: float, knobs: Knobs, seed: int = 0
) -> Audio:
    """The stereo sound of the notes."""
    n = int(seconds * SAMPLE_RATE)
    return instrument.play(notes, n, knobs, np.random.default_rng(seed))


def drawn(instrument: Instrument, seed: int) -> Knobs:
    """Knobs as drawn for a training song."""
    return Palette("train", np.random.default_rng(seed)).draw_all("x", instrument.ranges)


def power_near(x: Audio, hertz: float, cents: float = 60.0) -> float:
    """The share of the power of `x` (2, n) or (n,) within `cents` of a frequency."""
    window = signal.windows.hann(x.shape[-1])
    power = np.atleast_2d(np.abs(np.fft.rfft(x * window)) ** 2).sum(axis=0)
    f = np.fft.rfftfreq(x.shape[-1], 1 / SAMPLE_RATE)
    near = np.abs(np.log2(np.maximum(f, 1) / hertz)) < cents / 1200
    return float(power[near].sum() / power.sum())


def fundamental(x: Audio, low: float, high: float) -> float:
    """The strongest frequency of `x` (n,) in a range, Hz, interpolated by a parabola."""
    size = 2 ** int(np.ceil(np.log2(8 * len(x))))
    spectrum = np.abs(np.fft.rfft(x * signal.windows.hann(len(x)), size))
    f = np.fft.rfftfreq(size, 1 / SAMPLE_RATE)
    a, b = np.searchsorted(f, [low, high])
    return float(f[a + int(np.argmax(spectrum[a:b]))])


def bright(x: Audio, above: float = 1000.0) -> float:
    """The share of the power above a frequency, dB."""
    f, power = signal.welch(x, SAMPLE_RATE, nperseg=4096, axis=-1)
    power = np.atleast_2d(power).sum(axis=0)
    return float(10 * np.log10(power[f > above].sum() / power.sum()))


def correlation(x: Audio) -> float:
    """The correlation of both channels of `x` (2, n), -1 .. 1."""
    return float((x[0] * x[1]).sum() / np.sqrt((x[0] ** 2).sum() * (x[1] ** 2).sum()))


def thirds(x: Audio, centres: tuple[float, ...]) -> Audio:
    """The power density of `x` (2, n) in third-octave bands, dB relative to the loudest."""
    f, power = signal.welch(x, SAMPLE_RATE, nperseg=8192, axis=-1)
    grid = 1000 * 2 ** (np.arange(-12, 13) / 3)
    density = [power.sum(axis=0)[np.abs(np.log2((f + 1e-9) / c)) < 1 / 6].mean() for c in grid]
    level = 10 * np.log10(np.array(density) / max(density) + 1e-12)
    out: Audio = np.interp(np.log2(centres), np.log2(grid), level)
    return out


def comping(seconds: float, lowest: int = 48) -> tuple[Note, ...]:
    """Chords of four simultaneous notes, two per second."""
    chords = ((0, 7, 12, 16), (5, 9, 12, 17), (2, 7, 11, 19), (4, 9, 12, 21))
    return tuple(
        Note(0.5 * beat + 0.05, 0.42, lowest + step, 0.55 + 0.1 * (beat % 4))
        for beat in range(int(2 * seconds) - 1)
        for step in chords[beat // 2 % 4]
    )


def melody(seconds: float) -> tuple[Note, ...]:
    """A melody in a singer's register, with slurs, leaps and rests."""
    steps = (60, 62, 67, 65, 72, 71, 67, 64)
    return tuple(
        Note(0.4 * i + 0.05, 0.4 if i % 4 else 0.25, steps[i % 8], 0.6 + 0.05 * (i % 5))
        for i in range(int(seconds / 0.4) - 1)
    )
