"""The songs of a training set: finding them, holding some out, and reading parts of stems."""

import hashlib
import re
import struct
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import soundfile as sf

from mdx.errors import AudioError
from mdx.systems.spec import CHANNELS, SAMPLE_RATE, SOURCES, Audio
from training.musdb18 import VALIDATION_LIST, find_training_tracks, read_keys, track_key

HELD_OUT = 7  # one track in this many is for validation, unless a list names them
VARIANT = re.compile(r" \[pitch[+-]\d+ tempo[+-]\d+\]$")  # what training.augment adds to a name
FULL_SCALE = 2**15
MAPS = 256  # most files that are mapped at once: each takes a file descriptor


@dataclass(frozen=True)
class Song:
    """One song in MUSDB18-HQ layout, `<folder>/{bass,drums,other,vocals}.wav`."""

    name: str
    folder: Path
    samples: int  # of every stem

    @property
    def track(self) -> str:
        """The key of the track, or of the original if this is a variant."""
        return track_key(VARIANT.sub("", self.name))

    @property
    def is_variant(self) -> bool:
        """Whether training.augment made it from another song."""
        return VARIANT.search(self.name) is not None

    def path(self, source: str) -> Path:
        """The file of a stem."""
        return self.folder / f"{source}.wav"


def find_songs(*roots: Path) -> tuple[Song, ...]:
    """Find the songs in some folders, or in their subfolders `train`; sorted by name.

    Only headers are read. Raises AudioError for a folder without songs, two songs with the same
    name, a missing stem, or one that is not 44.1 kHz, not stereo, or not as long as the others.
    """
    songs: dict[str, Song] = {}
    for root in roots:
        # A song may have the name "train".
        train = root / "train"
        folder = train if train.is_dir() and not _is_song(train) else root
        inside = sorted(folder.iterdir()) if folder.is_dir() else []
        found = [path for path in inside if not path.name.startswith(".") and _is_song(path)]
        if not found:
            expected = f"<song>/{{{','.join(SOURCES)}}}.wav in it or in its folder train"
            raise AudioError(folder, got="no song", expected=expected)
        for path in found:
            if path.name in songs:
                raise AudioError(
                    path, got=f"a second '{path.name}', as in {songs[path.name].folder.parent}",
                    expected="songs of different names",
                )  # fmt: skip
            songs[path.name] = Song(path.name, path, _check_stems(path))
    return tuple(songs[name] for name in sorted(songs))


def split_songs(
    songs: Sequence[Song], *, one_in: int = HELD_OUT
) -> tuple[tuple[Song, ...], tuple[Song, ...]]:
    """Songs for training and for validation; a track and its variants are never separated.

    Of MUSDB18's hundred tracks the usual 14 are held out; of other songs about one in `one_in`, by
    a hash of the name, and at least one for each purpose if there are two. For validation each
    track is used once, in its original form if that exists.
    """
    keys = {song.track for song in songs}
    of_musdb18 = find_training_tracks(group_tracks(songs).values())
    by_hash = {key for key in keys - of_musdb18 if _hash(key) % one_in == 0}
    held_out = by_hash | (of_musdb18 & read_keys(VALIDATION_LIST))
    if len(keys) == 1:
        held_out = set()
    elif not held_out:
        held_out = {min(keys, key=_hash)}
    elif held_out == keys:
        held_out = keys - {max(keys, key=_hash)}
    training = tuple(song for song in songs if song.track not in held_out)
    originals_last = sorted(songs, key=lambda song: song.is_variant, reverse=True)
    by_track = {song.track: song for song in originals_last if song.track in held_out}
    return training, tuple(sorted(by_track.values(), key=lambda song: song.name))


def group_tracks(songs: Iterable[Song]) -> dict[Path, set[str]]:
    """The keys of the tracks in each folder of songs."""
    groups = defaultdict(set)
    for song in songs:
        groups[song.folder.parent].add(song.track)
    return dict(groups)


class Stems:
    """Reads parts of stems at 16 bits, never a whole file.

    With `mapped`, 16-bit WAV files are memory-mapped: the system caches them once for all processes
    and drops them when memory is short, so the songs need not fit into memory.
    """

    def __init__(self, *, mapped: bool = True) -> None:
        self._mapped = mapped
        self._map = lru_cache(MAPS)(_map_file)

    def __reduce__(self) -> tuple[Any, ...]:
        return partial(Stems, mapped=self._mapped), ()  # maps do not travel between processes

    def read(self, song: Song, source: str, start: int, samples: int) -> Audio:
        """A part of a stem; zeros beyond its end. Shape: (2, samples).

        Raises AudioError for a file that cannot be read, is shorter than its header says, or
        contains NaN or infinity.
        """
        path = song.path(source)
        content = self._map(path, song.samples) if self._mapped else None
        start, stop = min(start, song.samples), min(start + samples, song.samples)
        frames = _read_frames(path, start, stop) if content is None else content[start:stop]
        part = np.zeros((CHANNELS, samples), dtype=np.float32)
        np.multiply(frames.T, np.float32(1 / FULL_SCALE), out=part[:, : stop - start])
        return part


def to_int16(audio: Audio) -> npt.NDArray[np.int16]:
    """Round to 16 bits, as in PCM_16; louder samples are clipped. Shape: any -> the same."""
    scaled = np.rint(audio * np.float32(FULL_SCALE))
    rounded: npt.NDArray[np.int16] = np.clip(scaled, -FULL_SCALE, FULL_SCALE - 1).astype(np.int16)
    return rounded


def _is_song(folder: Path) -> bool:
    return any((folder / f"{name}.wav").is_file() for name in (*SOURCES, "mixture"))


def _check_stems(folder: Path) -> int:
    samples = None
    for source in SOURCES:
        path = folder / f"{source}.wav"
        if not path.is_file():
            raise AudioError(path, got="no such file", expected="all four stems of a song")
        try:
            info = sf.info(path)
        except (sf.LibsndfileError, OSError) as error:
            raise AudioError(path, got=error, expected="a WAV file") from error
        samples = info.frames if samples is None else samples
        if (info.samplerate, info.channels) != (SAMPLE_RATE, CHANNELS) or info.frames == 0:
            raise AudioError(
                path, got=f"{info.channels} channels, {info.samplerate} Hz, {info.frames} samples",
                expected=f"{CHANNELS} channels at {SAMPLE_RATE} Hz",
            )  # fmt: skip
        if info.frames != samples:
            expected = f"{samples}, as {SOURCES[0]}.wav has"
            raise AudioError(path, got=f"{info.frames} samples", expected=expected)
    assert samples is not None
    return int(samples)


def _hash(key: str) -> int:
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big")


def _map_file(path: Path, samples: int) -> npt.NDArray[np.int16] | None:
    # Shape: (samples, 2); None for a file that must be decoded.
    try:
        with path.open("rb") as file:
            form, _, kind = struct.unpack("<4sI4s", file.read(12))
            if (form, kind) != (b"RIFF", b"WAVE") or sf.info(path).subtype != "PCM_16":
                return None
            while (chunk := struct.unpack("<4sI", file.read(8)))[0] != b"data":
                file.seek(chunk[1] + chunk[1] % 2, 1)
            shape = (samples, CHANNELS)
            return np.memmap(file, dtype="<i2", mode="r", offset=file.tell(), shape=shape)
    except (OSError, ValueError, struct.error, sf.LibsndfileError):
        return None  # reading it will report the error


def _read_frames(path: Path, start: int, stop: int) -> npt.NDArray[np.int16]:
    # Shape: (stop - start, 2)
    try:
        with sf.SoundFile(path) as file:
            exact = file.subtype == "PCM_16"  # other integers would be truncated, floats not scaled
            file.seek(start)
            frames = file.read(stop - start, dtype="int16" if exact else "float32")
    except (sf.LibsndfileError, OSError) as error:
        raise AudioError(path, got=error, expected="a WAV file") from error
    if len(frames) < stop - start:
        got = f"{len(frames)} samples from {start} on"
        raise AudioError(path, got=got, expected=f"{stop - start}, as its header said")
    if not np.isfinite(frames).all():
        raise AudioError(path, got="NaN or infinity", expected="finite samples")
    return np.asarray(frames, dtype=np.int16) if exact else to_int16(frames)
