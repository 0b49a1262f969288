"""The songs below a folder: their facts, their stems and the singer's notes."""

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import soundfile as sf

from evaluator.excerpts import MIXTURE
from mdx.errors import AudioError, ConfigError
from mdx.systems.spec import CHANNELS, SAMPLE_RATE, SOURCES, Audio

FILES = (MIXTURE, *SOURCES)
FACTS = "song.json"
LAYOUT = "songs with mixture.wav and the four stems, in it or in its folders train and test"


@dataclass(frozen=True)
class Notes:
    """The notes of the leading voice; all three arrays have shape (notes,)."""

    start: npt.NDArray[np.float64]  # seconds
    end: npt.NDArray[np.float64]  # seconds
    pitch: npt.NDArray[np.float64]  # MIDI


@dataclass(frozen=True)
class Song:
    """One song: a folder with a mixture and four stems, and its facts."""

    name: str  # its folder, relative to the one that was searched
    folder: Path
    facts: dict[str, Any]  # from song.json; empty without one, as for real music

    @property
    def genre(self) -> str:
        """The genre in the facts, or an empty string."""
        return str(self.facts.get("genre", ""))

    @property
    def voices(self) -> str | None:
        """How the score is sung: by "one voice", "doubled" or with "harmony".

        None if there is no score to compare the pitch with, as for speech.
        """
        singer = self.facts.get("singer")
        if not self.facts.get("vocals") or not isinstance(singer, dict):
            return None
        if singer.get("sung", True) not in (True, "sung"):
            return None
        if singer.get("harmony"):
            return "harmony"
        return "doubled" if singer.get("doubled") else "one voice"

    def read(self, file: str) -> Audio:
        """Read the mixture or a stem. Shape: (2, samples); raises AudioError."""
        path = self.folder / f"{file}.wav"
        try:
            audio, rate = sf.read(path, dtype="float32", always_2d=True)
        except (sf.LibsndfileError, OSError) as error:
            raise AudioError(path, got=f"a damaged file ({error})", expected="a WAV") from error
        if (rate, audio.shape[1]) != (SAMPLE_RATE, CHANNELS):
            got = f"{audio.shape[1]} channels at {rate} Hz"
            raise AudioError(path, got=got, expected=f"{CHANNELS} at {SAMPLE_RATE} Hz")
        if not len(audio) or not np.isfinite(audio).all():
            raise AudioError(path, got="no samples, NaN or infinity", expected="sound")
        return np.asarray(audio.T)

    def read_notes(self) -> Notes:
        """The notes of the leading voice in order of their start; raises ConfigError."""
        try:
            rows = sorted([float(value) for value in row[:3]] for row in self.facts["vocals"])
            start, duration, pitch = np.array(rows, dtype=np.float64).reshape(-1, 3).T
        except (KeyError, TypeError, ValueError) as error:
            expected = "vocals: [[start, duration, pitch, text], ...]"
            raise ConfigError(self.folder / FACTS, got=error, expected=expected) from error
        return Notes(start, start + duration, pitch)


def find_songs(root: Path) -> tuple[Song, ...]:
    """The songs in a folder or its subfolders, sorted by name.

    Raises AudioError if there is no song or a file is missing, ConfigError if facts are not JSON.
    """
    folders = {
        path.parent
        for depth in ("", "*/", "*/*/")
        for file in FILES
        for path in root.glob(f"{depth}{file}.wav")
    }
    names = {folder.relative_to(root).as_posix(): folder for folder in folders}
    songs = [
        _song(root.resolve().name if name == "." else name, folder)
        for name, folder in sorted(names.items())
        if not any(part.startswith(".") for part in folder.relative_to(root).parts)  # drafts
    ]
    if not songs:
        raise AudioError(root, got="no song", expected=LAYOUT)
    return tuple(songs)


def spread(songs: Sequence[Song], count: int) -> tuple[Song, ...]:
    """Choose `count` songs: one of every genre before a second one of any."""
    genres: dict[str, list[Song]] = defaultdict(list)
    for song in songs:
        genres[song.genre].append(song)
    rounds = zip_longest(*(genres[genre] for genre in sorted(genres)))
    return tuple(song for turn in rounds for song in turn if song)[:count]


def _song(name: str, folder: Path) -> Song:
    for file in FILES:
        if not (folder / f"{file}.wav").is_file():
            raise AudioError(folder, got=f"no {file}.wav", expected="a mixture and four stems")
    path = folder / FACTS
    if not path.exists():
        return Song(name, folder, {})
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(path, got=error, expected="a JSON object") from error
    if not isinstance(facts, dict):
        raise ConfigError(path, got="other JSON", expected="a JSON object")
    return Song(name, folder, facts)
