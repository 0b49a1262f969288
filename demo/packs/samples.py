"""Reads recorded sounds at 44.1 kHz and changes their pitch."""

from fractions import Fraction
from functools import cache
from pathlib import Path

import numpy as np
import soundfile
from scipy import signal

from demo.dsp import SAMPLE_RATE, Audio
from demo.errors import DemoError

_AGAIN = "install its package again"
_STEPS = 200  # largest term of a resampling ratio, for an error of at most 4 cents


@cache
def read_sample(path: Path, rate: int) -> Audio:
    """A whole recording at 44.1 kHz with peak 1; cached per process. Shape: (2, n).

    `rate` is the sample rate that the pack states, Hz. Raises DemoError if the file cannot be
    decoded, is silent, or has another rate.
    """
    x = _decode(path, rate, 0, -1)
    peak = np.abs(x).max(initial=0.0)
    if peak == 0:
        raise DemoError(path, got="silence", expected="a sound", hint=_AGAIN)
    ratio = Fraction(SAMPLE_RATE, rate)
    resampled: Audio = signal.resample_poly(x / peak, ratio.numerator, ratio.denominator, axis=-1)
    return resampled


def count_samples(path: Path, rate: int) -> int:
    """The length of a recording, samples at its own rate; raises DemoError as read_sample does."""
    try:
        info = soundfile.info(path)
    except (soundfile.LibsndfileError, OSError) as error:
        raise _undecodable(path, error) from error
    _check_rate(path, info.samplerate, rate)
    return int(info.frames)


def read_excerpt(path: Path, start: int, n: int) -> Audio:
    """An excerpt of a recording at 44.1 kHz, from sample `start`. Shape: (2, at most n).

    Raises DemoError as read_sample does.
    """
    return _decode(path, SAMPLE_RATE, start, n)


def repitch(x: Audio, semitones: float) -> Audio:
    """`x` resampled: pitch and duration change together. Shape: (2, n) -> (2, m)."""
    ratio = Fraction(2 ** (-semitones / 12)).limit_denominator(_STEPS)
    if ratio == 1:
        return x
    out: Audio = signal.resample_poly(x, ratio.numerator, ratio.denominator, axis=-1)
    return out


def _decode(path: Path, rate: int, start: int, n: int) -> Audio:
    try:
        with soundfile.SoundFile(path) as file:
            _check_rate(path, file.samplerate, rate)
            file.seek(start)
            frames = file.read(n, dtype="float64", always_2d=True)
    except (soundfile.LibsndfileError, OSError) as error:
        raise _undecodable(path, error) from error
    if not np.isfinite(frames).all():
        raise DemoError(path, got="NaN or infinity", expected="finite samples", hint=_AGAIN)
    return np.ascontiguousarray(np.broadcast_to(frames, (len(frames), 2)).T)


def _check_rate(path: Path, got: int, rate: int) -> None:
    if got != rate:
        raise DemoError(path, got=f"{got} Hz", expected=f"{rate} Hz, as its pack has")


def _undecodable(path: Path, error: Exception) -> DemoError:
    return DemoError(path, got=error, expected="a sound that can be decoded", hint=_AGAIN)
