"""Training songs in memory, and random chunks whose stems come from different songs."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile as sf

from mdx.errors import AudioError
from mdx.spec import SAMPLE_RATE, SOURCES, Audio

GAIN_DB = 6.0  # each stem is turned up or down by at most this much
WHOLE_SONG = 0.3  # share of examples whose four stems belong together


@dataclass(frozen=True)
class Song:
    """One song: PCM_16 stems in SOURCES order, shape (4, 2, samples)."""

    name: str
    stems: npt.NDArray[np.int16]


def read_songs(root: Path) -> list[Song]:
    """Read every song of a folder in MUSDB18-HQ layout (`<song>/{bass,...}.wav`), sorted by name.

    Raises AudioError for a folder without songs, a missing stem, or stems that are not stereo,
    44.1 kHz and of one length.
    """
    folders = sorted(path.parent for path in root.glob("*/mixture.wav"))
    if not folders:
        raise AudioError(root, got="no song", expected="folders with mixture.wav and four stems")
    return [_read_song(folder) for folder in folders]


def _read_song(folder: Path) -> Song:
    stems: list[npt.NDArray[np.int16]] = []
    for source in SOURCES:
        path = folder / f"{source}.wav"
        try:
            stem, rate = sf.read(path, dtype="int16", always_2d=True)
        except sf.LibsndfileError as error:
            raise AudioError(path, got=error.error_string, expected="a WAV file") from error
        if rate != SAMPLE_RATE or stem.shape[1] != 2 or (stems and len(stem) != len(stems[0])):
            raise AudioError(
                path,
                got=f"{stem.shape[1]} channels, {rate} Hz, {len(stem)} samples",
                expected=f"2 channels, {SAMPLE_RATE} Hz, every stem of one length",
            )
        stems.append(stem)
    return Song(folder.name, np.stack(stems).transpose(0, 2, 1))


def random_batch(
    songs: list[Song], source: str, *, batch: int, chunk: int, rng: np.random.Generator
) -> tuple[Audio, Audio]:
    """Draw mixtures and the source to find in them.

    Shape: two arrays of (batch, 2, chunk). Stems are taken from different songs at different
    places (paper, section 3), each with a random gain and perhaps swapped channels.
    """
    wanted = SOURCES.index(source)
    stems = np.zeros((batch, len(SOURCES), 2, chunk), dtype=np.float32)
    for example in stems:
        together = rng.random() < WHOLE_SONG
        song, start = _draw(songs, chunk, rng)
        for index, stem in enumerate(example):
            if not together:
                song, start = _draw(songs, chunk, rng)
            part = song.stems[index, :, start : start + chunk]
            gain = 10 ** (rng.uniform(-GAIN_DB, GAIN_DB) / 20) / 2**15
            order = slice(None, None, -1 if rng.random() < 0.5 else 1)
            stem[:, : part.shape[1]] = part[order] * np.float32(gain)
    return stems.sum(axis=1), stems[:, wanted]


def _draw(songs: list[Song], chunk: int, rng: np.random.Generator) -> tuple[Song, int]:
    song = songs[rng.integers(len(songs))]
    return song, int(rng.integers(max(1, song.stems.shape[2] - chunk + 1)))
