"""A system of the paper's size with random weights, which run as fast as trained ones."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import yaml

from mdx.estimators.stft import Stft, StftSpec
from mdx.systems.find import find_system
from mdx.systems.manifest import describe, int8_name, register_weights
from mdx.systems.spec import SOURCES

if TYPE_CHECKING:
    from torch import Tensor

    from models.tfc_tdf import TfcTdfUNet

FOLDER = Path("out/full_size")
N_FFT = {"bass": 16384, "drums": 4096, "other": 8192, "vocals": 6144}
DIM_F, DIM_T, HOP = 2048, 256, 1024
FRAMES = 512  # of the released files' chunks
COMMAND = "python -m benchmarks.inference"


def make_full_size(folder: Path = FOLDER) -> tuple[Path, Path]:
    """Write the system, once; returns its YAML, and that of its twin as the released files are.

    The four networks are one file of 7.4 M weights. The twin has the same weights in a graph of the
    released order of operations, without our preparation. Int8 keeps nothing but both ends in
    float32: with random weights no loss can be measured. The extras `train` and `quantize` must be
    installed.
    """
    ours, released = folder / "full_size.yaml", folder / "released.yaml"
    if not released.exists():
        _write_networks(folder)
        np.savez(folder / "mixer.npz", weight=np.eye(8, 10, dtype=np.float32))
        register_weights(folder, "mixer.npz", made_by=COMMAND)
        for path in (ours, released):
            weights = "random.onnx" if path == ours else "released.onnx"
            text = yaml.safe_dump(_system(path.stem, weights), sort_keys=False)
            path.write_text(text, encoding="utf-8")
    return ours, released


def as_released(network: "TfcTdfUNet") -> "TfcTdfUNet":
    """The same function, transposed where the released files are: at g channels, not at 4."""
    from models.tfc_tdf import TfcTdfUNet

    class Released(TfcTdfUNet):
        def forward(self, x: "Tensor") -> "Tensor":
            """Shape: (batch, 4, dim_f, dim_t) -> the same."""
            x = self.between(self.first(x).transpose(-1, -2)).transpose(-1, -2)
            out: Tensor = self.last(x)
            return out

    twin = Released(network.spec)
    twin.load_state_dict(network.state_dict())
    return twin.eval()


def _write_networks(folder: Path) -> None:
    from models.export import export_network

    twin = as_released(write_network(folder, "random.onnx", dim_t=DIM_T))
    export_network(twin, folder / "released.onnx", shape=(4, DIM_F, DIM_T), prepare=False)
    register_weights(folder, "released.onnx", made_by=COMMAND)


def write_network(folder: Path, name: str, *, dim_t: int, released: bool = False) -> "TfcTdfUNet":
    """Write a network of random weights and its int8 twin, for chunks of so many frames.

    The graph is prepared by us, or as the released files are.
    """
    from models.export import export_network
    from models.quantize.graph import quantise, read_graph
    from models.random_weights import randomise
    from models.tfc_tdf import TfcTdfSpec, TfcTdfUNet

    network = randomise(TfcTdfUNet(TfcTdfSpec(dim_f=DIM_F)), seed=0)
    net = as_released(network) if released else network
    export_network(net, folder / name, shape=(4, DIM_F, dim_t), prepare=not released)
    content = (folder / name).read_bytes()
    stft = Stft(StftSpec(N_FFT["drums"], HOP, DIM_F, dim_t))
    rng = np.random.default_rng(0)
    chunk = rng.uniform(-0.5, 0.5, (2, stft.spec.chunk)).astype(np.float32)
    graph = quantise(read_graph(content), [stft.forward(chunk)])
    (folder / int8_name(name)).write_bytes(graph.SerializeToString())
    register_weights(folder, name, made_by=COMMAND)
    parent = describe(content).sha256
    register_weights(folder, int8_name(name), made_by=COMMAND, parent=parent)
    return network


def _system(name: str, weights: str) -> dict[str, object]:
    return {
        "name": name,
        "description": "the paper's sizes, random weights",
        "training_data": [],
        "leaderboard": "none",
        "estimators": spectrogram_estimators(weights),
        "combine": [{"kind": "mixer", "weights": "mixer.npz"}],
    }


def spectrogram_estimators(
    weights: str, *, n_fft: Mapping[str, int] = N_FFT, hop: int = HOP
) -> list[dict[str, object]]:
    """The four sources' estimators around one network, as a system's YAML has them."""
    return [
        {
            "kind": "spectrogram", "makes": [source], "weights": weights, "n_fft": n_fft[source],
            "hop": hop,
        }
        for source in SOURCES
    ]  # fmt: skip


def blend_system(
    separators: list[dict[str, object]], weights: str, segment: float, *, overlap: float, batch: int
) -> dict[str, Any]:
    """Leaderboard A's system around these separators and these weights of Demucs-v2."""
    spec, _ = find_system("leaderboard_a")
    (demucs,) = (part for part in spec.estimators if part.kind == "waveform")
    (blend,) = (step for step in spec.combine if step.kind == "blend")
    how = {**demucs.options, "segment": segment, "overlap": overlap, "batch": batch}
    waveform = {"kind": "waveform", "name": demucs.name, "makes": list(demucs.makes)}
    return {
        "name": "blend",
        "description": "leaderboard A's sizes, random weights",
        "training_data": [],
        "leaderboard": "none",
        "estimators": [*separators, {**waveform, "weights": weights, **how}],
        "combine": [
            {"kind": "mixer", "weights": "mixer.npz"},
            {"kind": "blend", "estimator": demucs.name, **blend.options},
        ],
        "ladder": [
            {"precision": level.precision}
            | ({"estimators": list(level.estimators)} if level.estimators else {})
            for level in spec.ladder
        ],
    }
