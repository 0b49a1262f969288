"""The published procedures of the compared systems, in torch, for their tiny versions."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mdx.systems.spec import Audio
from tests.mdx.published_shelf import BASS_FRAMES, FRAMES, HOP, N_FFT, STFT, Shelved
from tests.published import (
    averaged_longhand,
    d3net_filter,
    expectation_maximisation,
    flipped,
    kept_centres,
    magnitude_longhand,
    on_spectra,
    patches_longhand,
    resunet_longhand,
    trimmed_longhand,
)  # fmt: skip

LEAST = N_FFT + HOP  # samples to which magnitude estimators pad shorter songs
NORBERT = float(np.finfo(np.float64).eps)
Filter = Callable[[Tensor], Tensor]


def x_umx(shelved: Shelved) -> Callable[[Tensor], Tensor]:
    (network,) = shelved.networks.values()
    return lambda mix: network(mix[None])[0]


def each(shelved: Shelved) -> Callable[[Tensor], Tensor]:
    return lambda mix: torch.cat([network(mix[None])[0] for network in shelved.networks.values()])


def patched(shelved: Shelved, *, halves: bool, flip: bool) -> Callable[[Tensor], Tensor]:
    def run(mix: Tensor) -> Tensor:
        parts = []
        for role, network in shelved.networks.items():
            size = BASS_FRAMES if role == "d3net.bass" else FRAMES
            whole = flipped(network) if flip else network
            parts.append(patches_longhand(whole, mix, size, halves=halves))
        return torch.cat(parts)

    return run


def em(epsilon: float) -> Filter:
    return lambda both: expectation_maximisation(both[:-1], both[-1], epsilon)


def ratio(both: Tensor) -> Tensor:
    estimates, mix = both[:-1], both[-1]
    size = estimates.abs()
    shares = size / (NORBERT + size.sum(dim=0))
    return expectation_maximisation(shares * mix, mix, NORBERT)


def windowed(wiener: Filter, window: int) -> Filter:
    return lambda both: torch.cat(
        [wiener(part) for part in torch.split(both, window, dim=-1)], dim=-1
    )


def magnitude(shelved: Shelved) -> Callable[[Tensor], Tensor]:
    """A magnitude system's procedure for a song that fits into one call."""
    name = shelved.values["name"]
    estimate = {
        "x_umx": lambda: x_umx(shelved),
        "open_unmix": lambda: each(shelved),
        "d3net": lambda: patched(shelved, halves=True, flip=True),
        "mmdenselstm": lambda: patched(shelved, halves=False, flip=False),
    }[name]()
    wiener = {
        "x_umx": em(NORBERT),
        "open_unmix": windowed(em(1e-10), 12),
        "d3net": lambda both: d3net_filter(both[:-1], both[-1]),
        "mmdenselstm": ratio,
    }[name]

    def separate(mix: Tensor) -> Tensor:
        held = mix.shape[1]
        song = torch.nn.functional.pad(mix, (0, max(0, LEAST - held)))
        return magnitude_longhand(song, N_FFT, HOP, estimate, wiener)[..., :held]

    return separate


def expected(shelved: Shelved, song: Audio) -> Audio:
    """A system's published procedure. Shape: (2, n) -> (S, 2, n), in the YAML's order of stems."""
    name, mix = shelved.values["name"], torch.from_numpy(song)
    (part, *_) = shelved.values["estimators"]
    stems: Tensor
    if part["kind"] == "magnitude":
        sizes = {key: part[key] * HOP for key in ("segment", "context")}
        stems = kept_centres(mix, magnitude(shelved), **sizes)
    elif part["kind"] == "waveform":
        made = [resunet_longhand(mix, network, 882) for network in shelved.networks.values()]
        stems = torch.cat(made)
    else:
        (network,) = shelved.networks.values()
        if name == "tfc_tdf_v3":
            chunk = HOP * (FRAMES - 1)
            run = on_spectra(network, **STFT, dim_f=part["dim_f"])
            averaged: Audio = averaged_longhand(mix, run, chunk, 8).numpy()
            return averaged
        passes = {None: 1, 0.5: 2}[part.get("overlap")]
        stems = trimmed_longhand(
            mix, network, **STFT, frames=FRAMES, trim=part["trim"], passes=passes
        )  # fmt: skip
        if name == "tfc_tdf_v1":
            stems = torch.cat([stems, mix - stems])
    found: Audio = stems.numpy()
    return found


def order(values: dict[str, Any]) -> list[str]:
    """The names of the stems of `expected`."""
    made = [stem for part in values["estimators"] for stem in part["makes"]]
    return made + [stem for stem in values.get("stems", []) if stem not in made]
