"""The networks and systems that are measured: the paper's sizes, or all of it in miniature."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import yaml

from benchmarks.full_size import FRAMES, HOP, N_FFT, blend_system, spectrogram_estimators
from mdx.machine import has_bf16
from models.demucs_v2.network import DemucsSpec
from models.tfc_tdf import TfcTdfSpec
from training.config import ALL, SeparatorConfig, read_config

NETWORK, DEMUCS, MIXER = "network.onnx", "demucs.onnx", "mixer.npz"


@dataclass(frozen=True)
class Size:
    """How large everything is."""

    network: TfcTdfSpec
    n_fft: Mapping[str, int]
    hop: int
    frames: int  # of a chunk
    demucs: DemucsSpec
    segment: float  # seconds, of Demucs-v2
    song: int  # seconds
    compared: int  # seconds of a song that the CPU separates as well
    side: int  # of the matrices whose product is measured
    runs: int


FULL = Size(TfcTdfSpec(), N_FFT, HOP, FRAMES, DemucsSpec(), 40.0, 240, 10, 8192, 10)
MINIATURE = Size(
    TfcTdfSpec(dim_f=64, n_blocks=5, n_layers=1, growth=4),
    {"bass": 512, "drums": 128, "other": 256, "vocals": 384}, 64, 32,
    DemucsSpec(channels=2), 1.0, 2, 1, 256, 2,
)  # fmt: skip
SIZES = {"cuda": FULL, "cpu": MINIATURE}  # by the kind of device


def write_system(size: Size, folder: Path, *, blended: bool) -> Path:
    """The YAML of four separators and the Mixer, with Demucs-v2 in the blend or without."""
    separators = spectrogram_estimators(NETWORK, n_fft=size.n_fft, hop=size.hop)
    system = blend_system(separators, DEMUCS, size.segment, overlap=0.5, batch=2)
    if not blended:
        system["estimators"], system["combine"] = separators, system["combine"][:1]
    path = folder / ("blend.yaml" if blended else "networks.yaml")
    path.write_text(yaml.safe_dump(system, sort_keys=False), encoding="utf-8")
    return path


def training_config(name: str, size: Size, kind: str) -> SeparatorConfig:
    """A configuration of the repository, in bfloat16 where the device has it."""
    values = read_config(name)
    config = values[ALL] if ALL in values else values["vocals"]
    if kind == "cuda" or has_bf16():
        config = replace(config, precision="bf16-mixed")
    if size is FULL:
        return config
    width = None if config.width is None else 4
    return replace(
        config, n_fft=256, hop=64, dim_f=128, train_frames=16, frames=16, n_blocks=5, n_layers=1,
        growth=4, bottleneck=4, width=width, batch=2,
    )  # fmt: skip
