"""Excerpts of songs with true stems, and the estimates of one estimator."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile as sf

from evaluator.test_sets import Song, find_test_set
from mdx.errors import AudioError
from mdx.estimators.overlap_add import OverlapAdd
from mdx.estimators.spectrogram import Spectrogram, SpectrogramOptions
from mdx.runtimes.network import Network
from mdx.systems.mappings import build
from mdx.systems.spec import SAMPLE_RATE, SOURCES, Audio, EstimatorSpec


@dataclass(frozen=True)
class Excerpt:
    """The middle of a song, mixture and true stems. Shape: (2, samples) each."""

    name: str
    mix: Audio
    stems: dict[str, Audio]  # of the four sources, and of all but one


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


def make_estimator(part: EstimatorSpec, network: Network) -> Spectrogram:
    """The estimator of a system around another network. Raises ConfigError or NetworkError.

    Shape: of the estimator: (batch, 2, n) -> (batch, makes, 2, n); see Estimator
    """
    options = build(SpectrogramOptions, part.options, part.name)
    return Spectrogram(part, options, network, workers=1)


def estimate(mix: Audio, estimator: Spectrogram) -> Audio:
    """An estimator's stems of a mixture.

    Shape: (2, samples) -> (makes, 2, samples)
    """
    stream = OverlapAdd(estimator)
    return np.concatenate([stream.push(mix), stream.finish()], axis=2)


class Recorder:
    """A network that returns silence and stores its inputs."""

    runtime, precision = "none", "float32"

    def __init__(self, network: Network) -> None:
        self.input, self.output = network.input, network.output
        self.found: list[Audio] = []  # of shape (4, dim_f, dim_t)

    def __call__(self, values: Audio, out: Audio | None = None) -> Audio:
        """Shape: (1, 4, dim_f, dim_t) -> that of the network's output."""
        assert out is None
        self.found.append(values[0].copy())
        return np.zeros([int(size or 1) for size in (1, *self.output.shape[1:])], dtype=np.float32)


def spectrograms(
    excerpts: Sequence[Excerpt], part: EstimatorSpec, network: Network, *, count: int
) -> list[Audio]:
    """Up to `count` chunks spread over the excerpts, as inputs of the network.

    Shape: (4, dim_f, dim_t) each
    """
    recorder = Recorder(network)
    for excerpt in excerpts:
        estimate(excerpt.mix, make_estimator(part, recorder))
    found = recorder.found
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
    mix = audio.pop("mixture")
    return Excerpt(song.name, mix, {**audio, **_rests(audio)})


def _rests(stems: dict[str, Audio]) -> dict[str, Audio]:
    # The second stem of systems with two stems, under each of its possible names.
    rests = {
        f"no_{without}": np.sum([stems[name] for name in SOURCES if name != without], axis=0)
        for without in SOURCES
    }
    return {**rests, **dict.fromkeys(("instrumental", "accompaniment"), rests["no_vocals"])}


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
