"""Excerpts of real performances in place of a part, in their own tempo and key."""

import numpy as np

from demo.dsp import SAMPLE_RATE, Audio
from demo.packs.catalogue import Pack
from demo.packs.samples import count_samples, read_excerpt
from demo.score import Note
from demo.splits import Rng

_SILENT = 1e-3  # RMS below which another excerpt is drawn
_TRIES = 5
_RAMP = 0.05  # seconds


def play_take(pack: Pack, notes: tuple[Note, ...], n: int, rng: Rng) -> Audio:
    """An excerpt that sounds from a part's first note to its last. Shape: (2, n).

    It follows neither the song's tempo nor its key: it teaches the sound of strings, fingers and
    an amplifier. Raises DemoError if a recording cannot be used.
    """
    files = pack.find_files()
    for _ in range(_TRIES):
        path = files[int(rng.integers(len(files)))]
        last = max(count_samples(path, pack.rate) - n, 0)
        part = read_excerpt(path, int(rng.integers(last + 1)), n)
        if np.sqrt(np.mean(part**2)) > _SILENT:
            break
    out = np.zeros((2, n))
    out[:, : part.shape[-1]] = part
    out *= _sounding(notes, n)
    return out


def _sounding(notes: tuple[Note, ...], n: int) -> Audio:
    """1 from the first note to the end of the last, with short ramps outside. Shape: (n,)."""
    first = round(min(note.start for note in notes) * SAMPLE_RATE)
    last = round(max(note.start + note.duration for note in notes) * SAMPLE_RATE)
    at = np.arange(n)
    return np.clip(1 - np.maximum(first - at, at - last) / (_RAMP * SAMPLE_RATE), 0.0, 1.0)
