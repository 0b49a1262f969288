"""The submitted systems at a small size, and their original procedures."""

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from mdx.estimators.stft import StftSpec
from mdx.separator import Separator
from mdx.systems.spec import MODELS, SOURCES, Audio
from models.demucs_v2.network import DemucsSpec, random_demucs
from models.random_weights import randomise
from models.tfc_tdf import TfcTdfSpec, TfcTdfUNet
from tests.longhand import demucs_longhand, separate_longhand
from tests.tiny import TINY, tiny_mixer, tiny_network

TOLERANCE = 1e-4  # of the peak, as the work on the submissions asks; float32 leaves about 1e-6
SEGMENT = 0.4  # seconds, in place of 40
NAMES = ("leaderboard_a", "leaderboard_b", "mdx_net", "mdx_net_no_mixer", "demucs_v2")
# Leaderboard B's networks have fewer frames; that of the drums is of fewer blocks, too.
SIZES = {
    "leaderboard_a": TINY,
    "leaderboard_b": {**TINY, "drums": StftSpec(n_fft=128, hop=64, dim_f=64, dim_t=16)},
}
DEMUCS = {"demucs_v2/demucs.onnx": 0, "demucs_v2/demucs_extra.onnx": 1}  # seeds


@functools.cache
def separator(folder: str, source: str) -> TfcTdfUNet:
    """The network behind a file of that folder."""
    if (folder, source) != ("leaderboard_b", "drums"):
        return tiny_network(source)
    size = TfcTdfSpec(dim_f=64, n_blocks=3, n_layers=1, growth=4, bottleneck=8)
    return randomise(TfcTdfUNet(size), seed=9)


def small(name: str) -> dict[str, Any]:
    """A system's YAML with smaller sizes."""
    system: dict[str, Any] = yaml.safe_load((MODELS / "systems" / f"{name}.yaml").read_text())
    for part in system["estimators"]:
        if part["kind"] == "waveform":
            assert part["segment"] == 40.0
            part["segment"] = SEGMENT
            continue
        size = SIZES[part["weights"].split("/")[0]][part["makes"][0]]
        sizes = {"n_fft": size.n_fft, "hop": size.hop, "dim_f": size.dim_f, "dim_t": size.dim_t}
        assert set(sizes) <= set(part)
        part |= sizes
    return system


def of_kind(parts: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    """The estimators or combiners of a kind, as a YAML has them."""
    return [part for part in parts if part["kind"] == kind]


def reference(system: Mapping[str, Any], mix: Audio) -> Audio:
    """A submission's procedure on a whole song. Shape: (2, n) -> (4, 2, n)."""
    stems: list[Audio] = []
    for part in of_kind(system["estimators"], "spectrogram"):
        folder, (source,) = part["weights"].split("/")[0], part["makes"]
        stems.append(separate_longhand(mix, SIZES[folder][source], separator(folder, source)))
    separated = np.array(stems)
    steps = system.get("combine", [])
    if of_kind(steps, "mixer"):
        separated = (tiny_mixer() @ np.concatenate([*stems, mix])).reshape(4, 2, -1)
    partners = of_kind(system["estimators"], "waveform")
    if not partners:
        return separated
    (partner,) = partners
    made = demucs_longhand(
        mix, random_demucs(DemucsSpec(channels=2), seed=DEMUCS[partner["weights"]]),
        segment=SEGMENT, overlap=partner["overlap"], normalise=partner["normalise"],
    )  # fmt: skip
    if not stems:
        return made
    (blend,) = of_kind(steps, "blend")
    shares = np.array([[[blend["shares"][source]]] for source in SOURCES], dtype=np.float32)
    blended: Audio = shares * separated + (1 - shares) * made
    return blended


@functools.cache
def loaded(path: Path) -> Separator:
    return Separator.load(path, threads=1)
