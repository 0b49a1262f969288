"""The same few seconds of all files of a song, as MP3 for the report's page."""

import base64
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile as sf

from evaluator.audio_files import open_audio
from mdx.systems.spec import CHANNELS, SOURCES, Audio

MIXTURE = "mixture"
# LAME's variable bit rate: 80 to 100 kbit/s for a mixture, far less for bass.
COMPRESSION = 0.85
MP3_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)  # Hz


@dataclass(frozen=True)
class Clip:
    """The excerpt of one file of a song."""

    source: str  # of SOURCES, or the mixture
    system: str | None  # whose estimate it is; None for the mixture and the true stems
    audio: Audio  # (2, samples)


@dataclass(frozen=True)
class Excerpt:
    """The same span of every file of a song that can be read."""

    start: float  # seconds from the song's beginning
    rate: int  # Hz
    clips: tuple[Clip, ...]  # mixture, then by source: true stem, systems in their order
    missing: tuple[str | None, ...]  # systems, or None for the true stems, that lack a file

    @property
    def seconds(self) -> float:
        """The duration in seconds."""
        return float(self.clips[0].audio.shape[1] / self.rate)


def cut_excerpt(
    song: Path, estimates: Mapping[str, Mapping[str, Path]], seconds: float
) -> Excerpt | None:
    """Cut the loudest part of a song, by the energy of its mixture, out of all its files.

    `song` is the folder of the mixture and the true stems, `estimates` the files of each
    system by source. Files that cannot be read or do not match the mixture are left out; returns
    None if the mixture itself cannot be read.
    """
    whole = _read(song / "mixture.wav", 0, None)
    if whole is None:
        return None
    mixture, rate = whole
    start, stop = _loudest(mixture, round(seconds * rate))
    clips = [Clip(MIXTURE, None, mixture[:, start:stop])]
    missing = []
    references = {source: song / f"{source}.wav" for source in SOURCES}
    for source in SOURCES:
        for system, files in ((None, references), *estimates.items()):
            part = _read(files[source], start, stop) if source in files else None
            if part and part[1] == rate and part[0].shape[1] == stop - start:
                clips.append(Clip(source, system, part[0]))
            else:
                missing.append(system)
    return Excerpt(start / rate, rate, tuple(clips), tuple(dict.fromkeys(missing)))


def mp3_uri(audio: Audio, rate: int) -> str:
    """Encode audio as a data: URI of an MP3 file. Shape: (2, samples)."""
    file = io.BytesIO()
    sf.write(
        file, audio.T, rate, format="MP3", subtype="MPEG_LAYER_III", bitrate_mode="VARIABLE",
        compression_level=COMPRESSION,
    )  # fmt: skip
    return f"data:audio/mpeg;base64,{base64.b64encode(file.getvalue()).decode('ascii')}"


def _loudest(mixture: Audio, samples: int) -> tuple[int, int]:
    length = mixture.shape[1]
    samples = max(1, min(samples, length))
    energy = np.concatenate([[0.0], np.cumsum(np.square(mixture, dtype=np.float64).sum(axis=0))])
    start = int(np.argmax(energy[samples:] - energy[:-samples]))
    return start, start + samples


def _read(path: Path, start: int, stop: int | None) -> tuple[Audio, int] | None:
    # None if there is no usable audio: a page that lacks a player is better than no page.
    try:
        with open_audio(path) as file:
            rate = file.samplerate
            file.seek(min(start, file.frames))
            frames = -1 if stop is None else stop - start
            audio = file.read(frames, dtype="float32", always_2d=True)
    except (sf.LibsndfileError, OSError):
        return None
    if not len(audio) or audio.shape[1] > CHANNELS or rate not in MP3_RATES:
        return None
    if not np.isfinite(audio).all():
        return None
    return np.broadcast_to(audio.T, (CHANNELS, len(audio))), rate
