"""A system of the paper's size with random weights: what speed depends on, without the training."""

from pathlib import Path

import numpy as np
import yaml

from mdx.spec import SOURCES, StftSpec
from mdx.stft import Stft
from mdx.weights import describe, int8_name, register_weights

FOLDER = Path("out/full_size")
N_FFT = {"bass": 16384, "drums": 4096, "other": 8192, "vocals": 6144}
DIM_F, DIM_T, HOP = 2048, 256, 1024


def make_full_size(folder: Path = FOLDER) -> Path:
    """Write the system, once; returns its YAML. Its four networks are one file of 7.4 M weights.

    Int8 keeps nothing but both ends in float32: with random weights no loss can be measured. The
    extras `train` and `quantize` must be installed.
    """
    path = folder / "full_size.yaml"
    if path.exists():
        return path
    from models.export import export_onnx
    from models.quantize.graph import quantise, read_graph
    from models.tfc_tdf import TfcTdfSpec, random_network

    network = random_network(TfcTdfSpec(dim_f=DIM_F), seed=0)
    export_onnx(network, folder / "random.onnx", dim_f=DIM_F, dim_t=DIM_T)
    np.savez(folder / "mixer.npz", weight=np.eye(8, 10, dtype=np.float32))
    stft = Stft(StftSpec(N_FFT["drums"], HOP, DIM_F, DIM_T))
    rng = np.random.default_rng(0)
    chunk = rng.uniform(-0.5, 0.5, (2, stft.spec.chunk)).astype(np.float32)
    content = (folder / "random.onnx").read_bytes()
    graph = quantise(read_graph(content), [stft.forward(chunk)])
    (folder / int8_name("random.onnx")).write_bytes(graph.SerializeToString())
    command = "python -m benchmarks.inference"
    for name in ("random.onnx", "mixer.npz"):
        register_weights(folder, name, made_by=command)
    parent = describe(content).sha256
    register_weights(folder, int8_name("random.onnx"), made_by=command, parent=parent)
    system = {
        "name": "full_size",
        "description": "the paper's sizes, random weights",
        "training_data": [],
        "leaderboard": "none",
        "profile": "kuielab",
        "separators": {
            source: {"weights": "random.onnx", "n_fft": N_FFT[source], "hop": HOP}
            for source in SOURCES
        },
        "mixer": "mixer.npz",
    }
    path.write_text(yaml.safe_dump(system, sort_keys=False), encoding="utf-8")
    return path
