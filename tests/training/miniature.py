"""A training small enough for a test: songs of tones, a tiny network, a few steps."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile as sf
import torch
from torch import nn

from mdx.errors import ConfigError, WeightsError
from mdx.systems.manifest import register_weights
from mdx.systems.spec import SAMPLE_RATE, SOURCES
from training.config import SeparatorConfig
from training.data_config import DataConfig
from training.fit import fit
from training.origin import Origin
from training.songs import find_songs

CONFIG = SeparatorConfig(
    architecture="tfc_tdf_v2", n_fft=256, hop=64, dim_f=96, train_frames=16, frames=32, n_blocks=5,
    n_layers=1, growth=4, bottleneck=8, steps=6, batch=4, learning_rate=0.003, validate_every=2,
    data=DataConfig(whole_song=0.5),
)  # fmt: skip
V3 = replace(
    CONFIG,
    architecture="tfc_tdf_v3",
    width=6,
    subbands=2,
    bottleneck=4,
    sources=4,
    optimizer="adamw",
    schedule="cosine",
)
V1 = replace(CONFIG, architecture="tfc_tdf_v1", dim_f=97, n_fft=384)


def write_songs(root: Path, count: int = 3, samples: int = 6000) -> Path:
    """Write songs whose sources are in separate frequency bands, which makes them separable."""
    time = np.arange(samples) / SAMPLE_RATE
    rng = np.random.default_rng(0)
    for number in range(count):
        folder = root / f"song {number}"
        folder.mkdir(parents=True)
        for index, source in enumerate(SOURCES):
            tone = np.sin(2 * np.pi * (400 + 1500 * index + rng.uniform(0, 200)) * time) / 5
            sf.write(folder / f"{source}.wav", np.stack([tone, tone / 2], axis=1), SAMPLE_RATE)
    return root


def run(root: Path, config: SeparatorConfig = CONFIG, **options: Any) -> float:
    """Train on the songs in `<root>/songs`, with the last one for validation."""
    songs = find_songs(root / "songs")
    source = "all" if config.sources > 1 else "drums"
    return fit(
        config, options.pop("source", source), songs[:-1], songs[-1:],
        **{
            "out": root / "run", "weights": root / "weights", "name": "x/drums.onnx", "seed": 1,
            "origin": Origin("a test"), **options,
        },
    )  # fmt: skip


def skip_export(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Skip exports; returns the list that receives the score of each."""
    scores: list[float] = []

    def export(net: nn.Module, path: Path, *, shape: tuple[int, ...]) -> float:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"a network")
        return 0.0

    def register(folder: Path, name: str, *, score: float | None = None, **_: object) -> None:
        if score is not None:  # the file for warm starts has none
            scores.append(score)

    monkeypatch.setattr("training.release.export_network", export)
    monkeypatch.setattr("training.release.register_weights", register)
    return scores


def skip_conversion(monkeypatch: pytest.MonkeyPatch) -> None:
    """Skip the conversion of exports, but register them."""
    skip_export(monkeypatch)
    monkeypatch.setattr("training.release.register_weights", register_weights)


def load(path: Path) -> dict[str, Any]:
    """A checkpoint."""
    found: dict[str, Any] = torch.load(path, weights_only=True)
    return found


def count_refused(path: Path, read: Callable[[], object], *, damages: int) -> int:
    """Flip one byte of a file at a time; how often reading it is an error of ours."""
    content = path.read_bytes()
    refused = 0
    for place in np.random.default_rng(0).integers(len(content), size=damages):
        path.write_bytes(content[:place] + bytes([content[place] ^ 255]) + content[place + 1 :])
        try:
            read()
        except (WeightsError, ConfigError):
            refused += 1
    return refused
