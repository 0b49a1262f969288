"""Excerpts of songs with true stems, and one network's way through them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile as sf

from evaluator.test_sets import Song, find_test_set
from mdx.errors import AudioError
from mdx.estimators.chunks import ChunkStream
from mdx.estimators.stft import Stft
from mdx.runtimes.onnx import Network
from mdx.systems.spec import SAMPLE_RATE, SOURCES, Audio


@dataclass(frozen=True)
class Excerpt:
    """The middle of a song, mixture and true stems. Shape: (2, samples) each."""

    name: str
    mix: Audio
    stems: dict[str, Audio]


def read_excerpts(
    root: Path, *, count: int, seconds: float, subset: str = "train"
) -> list[Excerpt]:
    """Read the middle of up to `count` songs of a set, spread over its length.

    The folder has one of the evaluator's layouts, MUSDB18-HQ's for one. Raises AudioError for no
    song, or one without all stems or with stems that do not fit its mixture.
    """
    songs = find_test_set(root, root, subset=subset).songs
    chosen = np.unique(np.linspace(0, len(songs) - 1, min(count, len(songs))).round().astype(int))
    return [_read(songs[index], seconds) for index in chosen]


def estimate(mix: Audio, network: Network, stft: Stft) -> Audio:
    """What one network finds in a mixture. Shape: (2, samples) -> the same."""
    stream = ChunkStream(stft.spec, lambda chunk: stft.inverse(network(stft.forward(chunk))))
    return np.concatenate([stream.push(mix), stream.finish()], axis=1)


def spectrograms(excerpts: Sequence[Excerpt], stft: Stft, *, count: int) -> list[Audio]:
    """Up to `count` chunks from all over the excerpts, as the network will see them."""
    found: list[Audio] = []

    def look(chunk: Audio) -> Audio:
        found.append(stft.forward(chunk))
        return chunk

    for excerpt in excerpts:
        stream = ChunkStream(stft.spec, look)
        stream.push(excerpt.mix)
        stream.finish()
    if not found:
        raise AudioError("calibration songs", got="only silence", expected="music")
    chosen = np.unique(np.linspace(0, len(found) - 1, min(count, len(found))).round().astype(int))
    return [found[index] for index in chosen]


def _read(song: Song, seconds: float) -> Excerpt:
    start = max(0.0, (song.duration - seconds) / 2)
    audio = {
        name: _read_part(song.folder / f"{name}.wav", round(start * SAMPLE_RATE), seconds)
        for name in ("mixture", *SOURCES)
    }
    for name, stem in audio.items():
        if stem.shape != audio["mixture"].shape:
            raise AudioError(
                song.folder / f"{name}.wav", got=f"shape {stem.shape}",
                expected=f"{audio['mixture'].shape}, as its mixture has",
            )  # fmt: skip
    return Excerpt(song.name, audio.pop("mixture"), audio)


def _read_part(path: Path, start: int, seconds: float) -> Audio:
    try:
        audio, rate = sf.read(
            path, frames=round(seconds * SAMPLE_RATE), start=start, dtype="float32", always_2d=True
        )
    except (sf.LibsndfileError, OSError) as error:
        raise AudioError(path, got=error, expected="a WAV file") from error
    if rate != SAMPLE_RATE or audio.shape[1] != 2 or not len(audio):
        raise AudioError(
            path, got=f"{len(audio)} samples, {audio.shape[1]} channels, {rate} Hz",
            expected=f"2 channels at {SAMPLE_RATE} Hz",
        )  # fmt: skip
    return np.ascontiguousarray(audio.T)
