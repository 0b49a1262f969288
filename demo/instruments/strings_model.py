"""Plucked strings: the string, the player and the level for an amplifier.

A string is computed in the frequency domain. A wave that has travelled once along the string and
back returns later and weaker, y = x + loop * y, so the string is the filter 1 / (1 - loop). Since
loop is a function of frequency, partials are exactly where a stiff string has them and each has its
own decay, at the cost of one inverse FFT whatever the number of partials.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy import fft

from demo.dsp import SAMPLE_RATE, Audio, add_at, band, gate
from demo.score import Note
from demo.splits import Rng

SOFT_HARD = (0.35, 1.0)  # factors for the pick's cutoff; velocity interpolates between them
GROWTH = 1e3  # attenuation of a note's end relative to its start, which limits time aliasing
MARGIN = 2048  # samples after a note for the ringing of the band limit
STROKES = (1.0, 0.84)  # factors for the pick's position in down and up strokes
CLICKS = 8  # noises of the pick rendered in advance; notes choose among them


@dataclass(frozen=True)
class String:
    """The parameters of one note on one string."""

    hz: float
    t60: float  # seconds in which the lowest partials decay by 60 dB
    ring: float  # Hz at which the treble losses alone give a decay of 60 dB per second
    stiff: float  # partial k is at k * hz * sqrt(1 + stiff * k^2)
    pick: float  # where it is plucked, as a fraction of its length
    pickup: float  # where it is picked up; 0: at the bridge, without a comb filter
    cutoff: float  # Hz above which the finger or pick excites little
    beat: float = 0.0  # cents between its two polarisations


def vibrate(string: String, n: int, top: float = 12000.0) -> Audio:
    """The string plucked softly and hard, equally loud at the start. Shape: (2, n).

    Args:
        n: samples.
        top: band limit, Hz.
    """
    size = fft.next_fast_len(n + MARGIN, real=True)
    shrink = np.log(GROWTH) / size
    real = np.arange(int(top / SAMPLE_RATE * size)) * SAMPLE_RATE / size
    f = real - 0.5j * shrink / np.pi * SAMPLE_RATE  # complex: on a circle of radius above 1
    x = f / string.hz
    turns = x * np.sqrt(2 / (1 + np.sqrt(1 + 4 * string.stiff * x * x)))  # cycles along the string
    lost = 6.9078 / string.hz * (1 / string.t60 + (f / string.ring) ** 2)
    loop = np.exp(-2j * np.pi * turns - lost)
    ringing = 1 / (1 - loop)
    if string.beat:
        other = loop * np.exp(-2j * np.pi * turns * (2 ** (-string.beat / 1200) - 1) - 0.3 * lost)
        ringing += 0.6 / (1 - other)
    place = 1 - np.exp(-2j * np.pi * turns * string.pick)
    if string.pickup:
        place *= 1 - np.exp(-2j * np.pi * turns * string.pickup)
    # A plucked string starts as a triangle: its velocity falls with 1/k. `edge` smooths the limit.
    edge = np.cos(np.clip((real / top - 0.6) / 0.4, 0, 1) * np.pi / 2) ** 2
    spectrum = ringing * place * edge / (1 + 1j * x)
    softness = [1 / (1 + 1j * f / (string.cutoff * part)) ** 2 for part in SOFT_HARD]
    rise = np.exp(shrink * np.arange(n))
    waves = fft.irfft(spectrum * np.stack(softness), size)[:, :n] * rise
    loudness = np.sqrt((waves[:, : SAMPLE_RATE // 12] ** 2).mean(axis=-1, keepdims=True))
    struck: Audio = waves / (loudness + 1e-12)
    return struck


def click(rng: Rng, seconds: float, low: float, high: float) -> Audio:
    """The noise of a finger or pick: a burst between `low` and `high` Hz with peak 1.

    Shape: (4 * seconds,), at 44.1 kHz
    """
    n = int(4 * seconds * SAMPLE_RATE)
    burst = rng.standard_normal(n) * np.exp(-np.arange(n) / (seconds * SAMPLE_RATE))
    shaped = band(burst, low, high, order=1) * gate(n, 0.0003, seconds)
    out: Audio = shaped / np.abs(shaped).max()
    return out


@dataclass(frozen=True)
class Hand:
    """How the strings are plucked and damped."""

    release: float  # seconds that a damped string takes to fall silent
    noise: float  # level of the pick's noise, relative to the string
    noise_band: tuple[float, float] = (900.0, 6000.0)  # Hz
    noise_time: float = 0.004  # seconds
    late: float = 0.0  # standard deviation of the timing, seconds
    punch: float = 0.0  # how much louder the attack of a note is
    dynamics: float = 1.2  # power of the velocity


def perform(
    notes: tuple[Note, ...], n: int, tone: Callable[[float], String], hand: Hand, rng: Rng,
    top: float = 12000.0,
) -> Audio:  # fmt: skip
    """Play the notes on strings; each pitch is synthesised once and reused. Shape: (n,).

    Args:
        tone: MIDI pitch -> its string; called once per pitch, in rising order.
        top: band limit of the strings, Hz.
    """
    out = np.zeros(n)
    clicks = [click(rng, hand.noise_time, *hand.noise_band) for _ in range(CLICKS)]
    longest: dict[float, float] = {}
    for note in notes:
        longest[note.pitch] = max(longest.get(note.pitch, 0.0), note.duration)
    waves = {}
    for pitch, duration in sorted(longest.items()):
        string = tone(pitch)
        m = int(min(duration + hand.release, 1.2 * string.t60) * SAMPLE_RATE) + 1
        waves[pitch] = [
            vibrate(replace(string, pick=part * string.pick), m, top) for part in STROKES
        ]
    for note in notes:
        m = int((note.duration + hand.release) * SAMPLE_RATE)
        soft, hard = waves[note.pitch][rng.integers(len(STROKES))][:, :m]
        force = float(np.clip(note.velocity + rng.normal(0, 0.08), 0, 1))
        swing = ((1 - force) * soft + force * hard) * gate(len(soft), 0.0008, hand.release)
        if hand.punch:
            swing *= 1 + hand.punch * np.exp(np.arange(len(soft)) * (-1 / (0.05 * SAMPLE_RATE)))
        gain = note.velocity**hand.dynamics
        start = max(int((note.start + rng.normal(0, hand.late)) * SAMPLE_RATE), 0)
        add_at(out, gain * swing, start)
        noise = gain * hand.noise * rng.uniform(0.4, 1.2) * clicks[rng.integers(CLICKS)]
        add_at(out, noise[:m], start)
    return out


def level(x: Audio) -> float:
    """The amplitude that `x` frequently reaches; it sets an amplifier's gain. Shape: (n,)."""
    loud = np.abs(x[::16])
    loud = loud[loud > 1e-4]
    return float(np.percentile(loud, 90)) if len(loud) else 1.0
