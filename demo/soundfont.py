"""Instruments from a user's SoundFont: which programs replace ours, and how they play."""

import hashlib
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from demo.dsp import SAMPLE_RATE, Audio
from demo.errors import DemoError
from demo.score import Note

INSTALL = "pip install --no-deps tinysoundfont==0.3.7"

# General MIDI programs, from 0, for each kind of instrument, without those that are voices.
# A program belongs to one split; a kind that has none in a split keeps our instrument.
PROGRAMS: dict[str, dict[str, tuple[int, ...]]] = {
    "piano": {"train": (0, 1, 3), "test": (2,)},
    "epiano": {"train": (4,), "test": (5,)},
    "organ": {"train": (16, 18, 19), "test": (17, 20)},
    "mallet": {"train": (8, 10, 11, 12), "test": (9, 13)},
    "pad": {"train": (88, 89, 92, 95), "test": (90, 93)},
    "strings": {"train": (44, 48, 50), "test": (49, 51)},
    "brass": {"train": (61, 63), "test": (62,)},
    "lead": {"train": (80, 82, 84, 87), "test": (81, 83)},
    "arp": {"train": (80, 84, 87), "test": (81, 83)},
    "flute": {"train": (72, 73, 75, 77), "test": (74, 79)},
    "violin": {"train": (40, 42), "test": (41, 110)},
    "sax": {"train": (65, 67), "test": (64, 66)},
    "acoustic": {"train": (25,), "test": ()},
    "nylon": {"train": (24,), "test": ()},
    "clean": {"train": (27,), "test": (26,)},
    "overdriven": {"train": (30,), "test": (29,)},
    "muted": {"train": (28,), "test": ()},
    "solo": {"train": (), "test": ()},  # no program bends and slides its notes
    "fingered": {"train": (33,), "test": ()},
    "picked": {"train": (34,), "test": ()},
    "slap": {"train": (36,), "test": (37,)},
    "fretless": {"train": (35,), "test": ()},
    "sub": {"train": (38,), "test": (39,)},
    "saw": {"train": (38,), "test": (39,)},
    "distorted": {"train": (), "test": ()},
    "glide808": {"train": (), "test": ()},
}
KITS: dict[str, tuple[int, ...]] = {"train": (0, 16, 24, 32), "test": (8, 25, 40)}
DRUM_KEYS = {
    "kick": 36, "snare": 38, "rim": 37, "clap": 39, "hat": 42, "pedal": 44, "open": 46, "ride": 51,
    "crash": 49, "tom1": 50, "tom2": 47, "tom3": 43, "tambourine": 54, "shaker": 70,
    "conga_low": 64, "conga_high": 63,
}  # fmt: skip
_DRUM_BANK = 128
_DRUM_SECONDS = 2.0  # how long a drum may ring


class SoundFont:
    """An .sf2 or .sf3 file that plays notes."""

    def __init__(self, path: Path) -> None:
        """Load the file.

        Raises DemoError if the file or the package that reads it is missing, or the file is broken.
        """
        try:
            # The package's interface plays through loudspeakers; only its synthesiser is needed.
            synthesiser: Any = import_module("tinysoundfont._tinysoundfont")
        except ImportError as error:
            raise DemoError(
                path, got="no tinysoundfont", expected="it for a SoundFont", hint=INSTALL
            ) from error
        try:
            self._font = synthesiser.SoundFont(_read(path))
        except (RuntimeError, ValueError) as error:
            raise DemoError(path, got=error, expected="a SoundFont, .sf2 or .sf3") from error
        self._name = path.name
        self._synthesiser = synthesiser

    def has(self, program: int, *, drums: bool = False) -> bool:
        """Whether the file has a program (in bank 0) or a drum kit with this number."""
        found: int = self._font.get_preset_index(_DRUM_BANK if drums else 0, program)
        return found >= 0

    def play(self, notes: tuple[Note, ...], n: int, *, program: int, drums: bool = False) -> Audio:
        """The notes as played by the program, dry and at any level. Shape: (2, n).

        Raises DemoError if the file has no such program.

        Args:
            notes: pitches are rounded to semitones; for drums, the text names the piece instead.
            n: samples at 44.1 kHz.
            program: 0 to 127, counted from 0.
            drums: whether the program is a kit.
        """
        bank = _DRUM_BANK if drums else 0
        index = self._font.get_preset_index(bank, program)
        if index < 0:
            got = f"no program {program} in bank {bank}"
            raise DemoError(self._name, got=got, expected="a program that the file has")
        # A copy shares the samples but has no state from earlier notes.
        font = self._synthesiser.SoundFont(self._font)
        font.set_output(self._synthesiser.OutputMode.StereoInterleaved, SAMPLE_RATE, 0.0)
        out = np.zeros((n, 2), dtype=np.float32)
        done = 0
        for sample, velocity, key in _events(notes, drums=drums):
            if sample >= n:
                break
            if sample > done:
                font.render(out[done:sample])
                done = sample
            if velocity > 0:
                font.note_on(index, key, velocity)
            else:
                font.note_off(index, key)
        if done < n:
            font.render(out[done:])
        return out.T.astype(np.float64)


@cache
def load_font(path: Path) -> SoundFont:
    """The SoundFont of a file, loaded once per process."""
    return SoundFont(path)


@cache
def fingerprint(path: Path) -> str:
    """The identity of a SoundFont: the file's name and SHA-256."""
    return f"{path.name} {hashlib.sha256(_read(path)).hexdigest()}"


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DemoError(path, got=error.strerror or error, expected="a readable file") from error


def _events(notes: tuple[Note, ...], *, drums: bool) -> list[tuple[int, float, int]]:
    """(sample, velocity, key) in order of time; velocity 0 ends a note."""
    events = []
    for note in notes:
        key = DRUM_KEYS[note.text] if drums else min(max(round(note.pitch), 0), 127)
        start = max(round(note.start * SAMPLE_RATE), 0)
        seconds = max(note.duration, _DRUM_SECONDS) if drums else note.duration
        end = max(round((note.start + seconds) * SAMPLE_RATE), start + 1)
        events += [(start, min(max(note.velocity, 1 / 127), 1.0), key), (end, 0.0, key)]
    return sorted(events)
