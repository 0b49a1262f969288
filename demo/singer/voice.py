"""A voice: glottal clicks, breath and hiss through given filters."""

import numpy as np

from demo.dsp import SAMPLE_RATE, Audio
from demo.frames import Filter, Response, filter_frames
from demo.singer.performance import TICK, Curves
from demo.singer.tract import microphone, narrow
from demo.splits import Knobs, Rng

_TAPS = 16  # on each side of a click
_SILENT = 1e-4
_ROUGH = 0.3  # share of the shimmer that varies from period to period
_HISS = 0.042
_ASPIRATION = 0.24
_AIR = 8000.0  # Hz, below which turbulence is weak


def _clicks(positions: Audio, gains: Audio, n: int) -> Audio:
    """Band-limited impulses at fractional sample positions. Shape: (k,) -> (n,)."""
    whole = np.floor(positions).astype(np.int64)
    places = whole[:, None] + np.arange(1 - _TAPS, _TAPS + 1)
    distance = places - positions[:, None]
    kernel = np.sinc(0.9 * distance) * np.cos(np.pi * distance / (2 * _TAPS + 2)) ** 2
    inside = (places >= 0) & (places < n)
    weights = (kernel * gains[:, None])[inside]
    clicks: Audio = np.bincount(places[inside], weights, minlength=n).astype(np.float64)
    return clicks


def _folds(cycles: Audio, curves: Curves, knobs: Knobs, rng: Rng) -> Audio:
    """The clicks of the closing vocal folds; every period is slightly different."""
    whole = np.floor(cycles)
    before = np.flatnonzero(np.diff(whole) > 0)
    step = cycles[before + 1] - cycles[before]
    positions = before + (whole[before + 1] - cycles[before]) / step
    late = rng.standard_normal(len(step)) * knobs["period_jitter"]
    ticks = np.arange(len(curves.voiced)) * TICK
    gains = np.interp(positions, ticks, curves.voiced)
    gains *= 10 ** (_ROUGH * knobs["shimmer"] * rng.standard_normal(len(step)) / 20)
    gains *= 1 - knobs["growl"] * (np.arange(len(step)) % 2)
    # With a constant level the voice would fade as the pitch rises; this makes it grow slightly.
    gains *= (step * SAMPLE_RATE / 220) ** 0.3 / step / 100
    loud = gains * step > _SILENT / 100
    return _clicks((positions + late / step)[loud], gains[loud], len(cycles))


def sing(curves: Curves, n: int, folds: Filter, tract: Filter, knobs: Knobs, rng: Rng) -> Audio:
    """One take, mono. Shape: (n,).

    Args:
        folds: turns clicks into the sound of the vocal folds.
        tract: filters that sound and breath.
    """
    ticks, times = np.arange(len(curves.pitch)) * TICK, np.arange(n)
    cycles = np.cumsum(np.interp(times, ticks, 440 / SAMPLE_RATE * 2 ** ((curves.pitch - 69) / 12)))
    breath = _ASPIRATION * 10 ** (knobs["breathiness"] / 20) * curves.voiced
    pulsing = 0.3 + 1.4 * (0.5 + 0.5 * np.cos(2 * np.pi * cycles)) ** 2
    air = np.interp(times, ticks, breath) * pulsing
    air += np.interp(times, ticks, _HISS * knobs["consonants"] * curves.breath)
    puff = np.interp(times, ticks, _HISS * knobs["consonants"] * curves.hiss)
    noise = rng.standard_normal((2, n))
    sources = np.stack([_folds(cycles, curves, knobs, rng), air * noise[0], puff * noise[1]])
    lips = narrow(curves, knobs)

    def responses(frames: slice, hz: Audio) -> tuple[Response, ...]:
        """The filters of clicks, breath and hiss. Shape: (bins,), Hz -> (frames, bins) each."""
        gains = microphone(hz, knobs).astype(np.float32)
        mouth = tract(frames, hz) * gains
        air = (hz / (hz - 1j * _AIR)).astype(np.complex64)
        return mouth * folds(frames, hz), mouth * air, lips(frames, hz) * gains

    return filter_frames(sources, responses)
