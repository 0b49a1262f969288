"""Pitch and tempo of a stem, changed by Signalsmith's stretch."""

import numpy as np

from mdx.errors import ConfigError
from mdx.systems.spec import SAMPLE_RATE, Audio


def stretch_stem(audio: Audio, *, semitones: float, tempo: float) -> Audio:
    """Shift the pitch and play `tempo` times as fast, aligned with the original.

    Shape: (channels, samples) -> (channels, about samples / tempo). The library needs a whole
    stem, since every call resets its state. Raises ConfigError if the library is missing.
    """
    try:
        from python_stretch.Signalsmith import Stretch
    except ImportError as error:
        raise ConfigError(
            "pitch shift and time stretch", got="no package python-stretch", expected="it",
            hint="pip install -e '.[train]'",
        ) from error  # fmt: skip
    process = Stretch(0)  # a fixed seed: the same stem gives the same samples
    process.preset(len(audio), SAMPLE_RATE)
    process.setTransposeSemitones(semitones)
    process.timeFactor = tempo
    return np.asarray(process.process(np.ascontiguousarray(audio)), dtype=np.float32)
