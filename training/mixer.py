"""Step two: fit the Mixer on top of frozen separators."""

import io
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from mdx.errors import ConfigError
from mdx.files import write_atomically
from mdx.separator import Separator
from mdx.systems.find import find_system
from mdx.systems.spec import SAMPLE_RATE, SOURCES
from models.mixer import INPUTS, OUTPUTS, Mixer
from training.config import MixerConfig
from training.songs import Song
from training.validation import read_stems

log = logging.getLogger(__name__)
SILENT = 1.0  # energy (sum of squares) below which a stem is not used
PART = 1 << 18  # samples per step of gradient descent, about the paper's chunk

Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Moments:
    """The moments that determine the Mixer's squared error."""

    gram: Matrix  # inputs with inputs, (10, 10)
    cross: Matrix  # inputs with references, (10, 8)
    energy: Matrix  # of the references, (4,)
    samples: int


def train_mixer(songs: Sequence[Song], system: str, config: MixerConfig, *, seed: int = 1) -> Mixer:
    """Fit the Mixer for a system without one, to minimise the error of its stems.

    `least_squares` solves for the minimum: with frozen separators, a squared error of 80 weights is
    a linear system. `rmsprop` is the gradient descent of the paper. Every song is separated only
    once, since the gradient of a squared error depends only on moments. Raises ConfigError for a
    system of other stems, or one that has a Mixer already.
    """
    _check_system(system)
    separator = Separator.load(system)
    by_song = []
    for number, song in enumerate(songs, 1):
        by_song.append(_measure(separator, song))
        log.info("mixer: song %d of %d, %s", number, len(songs), song.name)
    if config.swap:
        by_song += [[_swapped(part) for part in parts] for parts in by_song]
    if config.method == "least_squares":
        return _solve(by_song, config.ridge)
    return _descend([part for parts in by_song for part in parts], config, seed)


def _check_system(system: str) -> None:
    spec, _ = find_system(system)
    if set(spec.stems) != set(SOURCES):
        got, expected = f"the stems {', '.join(spec.stems)}", f"a system of {', '.join(SOURCES)}"
        raise ConfigError(system, got=got, expected=expected)
    if spec.mixer is not None:
        raise ConfigError(system, got="a system with a Mixer", expected="one without, to fit it on")


def write_mixer(mixer: Mixer, path: Path) -> None:
    """Write a Mixer as the `.npz` that the runtime reads; raises OutputError."""
    content = io.BytesIO()
    np.savez(content, weight=mixer.linear.weight.detach().numpy())
    write_atomically(path, content.getvalue(), durable=True)


def _measure(separator: Separator, song: Song) -> list[Moments]:
    references = read_stems(song)
    mix = references.sum(axis=0)
    estimates = separator.separate(mix, SAMPLE_RATE)
    inputs = np.concatenate([*(estimates[source] for source in SOURCES), mix])
    targets = references.reshape(-1, references.shape[-1])
    parts = []
    for start in range(0, inputs.shape[1], PART):
        x, y = (rows[:, start : start + PART].astype(float) for rows in (inputs, targets))
        energy = np.square(y).reshape(len(SOURCES), -1).sum(axis=1)
        parts.append(Moments(x @ x.T, x @ y.T, energy, x.shape[1]))
    return parts


def _swapped(part: Moments) -> Moments:
    # Of the same audio with left and right swapped.
    inputs = np.arange(INPUTS) ^ 1
    outputs = inputs[:OUTPUTS]
    gram, cross = part.gram[np.ix_(inputs, inputs)], part.cross[np.ix_(inputs, outputs)]
    return replace(part, gram=gram, cross=cross)


def _solve(by_song: Sequence[Sequence[Moments]], ridge: float) -> Mixer:
    # For each source, all songs have the same weight whatever their level, except those without it.
    gram = np.zeros((len(SOURCES), INPUTS, INPUTS))
    cross = np.zeros((len(SOURCES), INPUTS, 2))
    for parts in by_song:
        energies = np.sum([part.energy for part in parts], axis=0)
        for index, energy in enumerate(energies):
            if energy > SILENT:
                rows = slice(2 * index, 2 * index + 2)
                gram[index] += np.sum([part.gram for part in parts], axis=0) / energy
                cross[index] += np.sum([part.cross[:, rows] for part in parts], axis=0) / energy
                gram[index] += ridge * np.eye(INPUTS)
                cross[index] += ridge * np.eye(INPUTS, OUTPUTS)[:, rows]
    mixer = Mixer()
    for index in range(len(SOURCES)):
        if gram[index].any():
            # Inputs may be linearly dependent: this is the minimum-norm solution.
            solution = np.linalg.lstsq(gram[index], cross[index])[0].T
            with torch.no_grad():
                mixer.linear.weight[2 * index : 2 * index + 2] = torch.from_numpy(solution)
    return mixer


def _descend(parts: Sequence[Moments], config: MixerConfig, seed: int) -> Mixer:
    # RMSProp on the mean squared error of one part after another, as in the released training; what
    # differs is in docs/sources.md.
    mixer = Mixer()
    weight = mixer.linear.weight
    optimizer = torch.optim.RMSprop([weight], lr=config.learning_rate)
    rng = np.random.default_rng(seed)
    for _ in range(config.epochs):
        for index in rng.permutation(len(parts)):
            part = parts[index]
            gram, cross = (
                torch.from_numpy(moment / part.samples).to(weight.dtype)
                for moment in (part.gram, part.cross)
            )
            optimizer.zero_grad()
            # |W x - y|^2 without |y|^2, which does not depend on W.
            loss = ((weight @ gram - 2 * cross.T) * weight).sum() / len(weight)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    return mixer
