"""Step two: fit the Mixer on top of frozen separators."""

import logging
from pathlib import Path

import numpy as np
import torch

from mdx.separator import Separator
from mdx.spec import SAMPLE_RATE, SOURCES
from models.mixer import INPUTS, Mixer
from training.songs import Song

log = logging.getLogger(__name__)
SILENT = 1.0  # energy of a stem (sum of squares) below which it has nothing to teach


def train_mixer(songs: list[Song], system: str) -> Mixer:
    """Fit the Mixer that brings the stems of a system without one nearest to the truth.

    The paper descends the gradient; with a squared error, 80 weights and frozen separators the
    minimum is the solution of a linear system, found here at once. Songs weigh alike for each
    source, however loud; a song without a source does not count for it.
    """
    separator = Separator.load(system)
    gram = np.zeros((len(SOURCES), INPUTS, INPUTS))
    cross = np.zeros((len(SOURCES), INPUTS, 2))
    for number, song in enumerate(songs, 1):
        references = song.stems.astype(np.float32) / np.float32(2**15)
        mix = references.sum(axis=0)
        estimates = separator.separate(mix, SAMPLE_RATE)
        inputs = np.concatenate([*(estimates[source] for source in SOURCES), mix]).astype(float)
        for index, reference in enumerate(references.astype(float)):
            energy = float(np.square(reference).sum())
            if energy > SILENT:
                gram[index] += inputs @ inputs.T / energy
                cross[index] += inputs @ reference.T / energy
        log.info("mixer: song %d of %d, %s", number, len(songs), song.name)
    mixer = Mixer()
    for index in range(len(SOURCES)):
        if gram[index].any():
            # Inputs may depend on each other, so the solution of least norm is taken.
            rows = np.linalg.lstsq(gram[index], cross[index])[0].T
            with torch.no_grad():
                mixer.linear.weight[2 * index : 2 * index + 2] = torch.from_numpy(rows)
    return mixer


def write_mixer(mixer: Mixer, path: Path) -> None:
    """Write a Mixer as the `.npz` that the runtime reads."""
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, weight=mixer.linear.weight.detach().numpy())
