"""Step two: fit the Mixer on top of frozen separators."""

import logging
from pathlib import Path

import numpy as np

from mdx.mixer import COLUMNS, ROWS
from mdx.separator import Separator
from mdx.spec import SAMPLE_RATE, SOURCES, Audio
from training.songs import Song

log = logging.getLogger(__name__)


def train_mixer(songs: list[Song], system: str) -> Audio:
    """Find the matrix that maps stems and mixture of a system without Mixer nearest to the truth.

    The paper descends the gradient; with a squared error, 80 weights and frozen separators the
    minimum is the solution of a linear system, found here at once. Songs weigh alike for each
    source, however loud. Shape: (8, 10).
    """
    separator = Separator.load(system)
    gram = np.zeros((len(SOURCES), COLUMNS, COLUMNS))
    cross = np.zeros((len(SOURCES), COLUMNS, 2))
    for number, song in enumerate(songs, 1):
        references = song.stems.astype(np.float32) / np.float32(2**15)
        mix = references.sum(axis=0)
        estimates = separator.separate(mix, SAMPLE_RATE)
        inputs = np.concatenate([*(estimates[source] for source in SOURCES), mix]).astype(float)
        for index, reference in enumerate(references.astype(float)):
            weight = 1 / max(float(np.square(reference).sum()), 1.0)
            gram[index] += weight * inputs @ inputs.T
            cross[index] += weight * inputs @ reference.T
        log.info("mixer: song %d of %d, %s", number, len(songs), song.name)
    rows = [np.linalg.solve(g, c).T for g, c in zip(gram, cross, strict=True)]
    matrix: Audio = np.concatenate(rows).astype(np.float32)
    assert matrix.shape == (ROWS, COLUMNS)
    return matrix


def write_mixer(matrix: Audio, path: Path) -> None:
    """Write a Mixer as the `.npz` that the runtime reads."""
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, weight=matrix)
