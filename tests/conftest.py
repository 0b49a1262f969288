"""A tiny system of random networks, and songs to separate with it."""

from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
import yaml

from mdx.separator import Separator
from mdx.spec import SAMPLE_RATE, SOURCES, Audio
from mdx.weights import register_weights

# By source: n_fft, dim_f, frames. All differ, so that chunks never line up by chance.
TINY = {
    "bass": (512, 64, 32),
    "drums": (128, 64, 32),
    "other": (256, 96, 24),
    "vocals": (384, 128, 40),
}
HOP = 64


@pytest.fixture(scope="session")
def tiny_system(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The YAML of a system of four random networks and a random Mixer, in a folder of its own."""
    from models.export import export_onnx
    from models.tfc_tdf import TfcTdfSpec, random_network

    folder = tmp_path_factory.mktemp("tiny")
    separators = {}
    for seed, (source, (n_fft, dim_f, frames)) in enumerate(TINY.items()):
        size = TfcTdfSpec(dim_f=dim_f, n_blocks=5, n_layers=1, growth=4, bottleneck=8)
        net = random_network(size, seed=seed)
        export_onnx(net, folder / f"{source}.onnx", dim_f=dim_f, dim_t=frames)
        register_weights(folder, f"{source}.onnx", made_by="a test")
        separators[source] = {"weights": f"{source}.onnx", "n_fft": n_fft, "hop": HOP}
    matrix = np.random.default_rng(0).standard_normal((8, 10)).astype(np.float32)
    np.savez(folder / "mixer.npz", weight=matrix)
    register_weights(folder, "mixer.npz", made_by="a test")
    system = {
        "name": "tiny",
        "description": "random networks for tests",
        "training_data": "none",
        "leaderboard": "none",
        "profile": "kuielab",
        "separators": separators,
        "mixer": "mixer.npz",
    }
    path = folder / "tiny.yaml"
    path.write_text(yaml.safe_dump(system))
    return path


@pytest.fixture(scope="session")
def tiny(tiny_system: Path) -> Separator:
    """The tiny system, loaded."""
    return Separator.load(tiny_system, threads=1)


@pytest.fixture
def tiny_copy(tiny_system: Path, tmp_path: Path) -> Path:
    """The YAML of the tiny system in a folder that the test may damage."""
    folder = tmp_path / "system"
    folder.mkdir()
    for path in tiny_system.parent.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    return folder / tiny_system.name


def noise(samples: int, *, seed: int = 0) -> Audio:
    """A loud random song. Shape: (2, samples)."""
    rng = np.random.default_rng([seed, samples])
    return rng.uniform(-0.5, 0.5, (2, samples)).astype(np.float32)


@pytest.fixture
def song(tmp_path: Path) -> Path:
    """Half a second of noise as a WAV file."""
    path = tmp_path / "song.wav"
    sf.write(path, noise(SAMPLE_RATE // 2).T, SAMPLE_RATE)
    return path


@pytest.fixture
def test_set(tmp_path: Path) -> Path:
    """Two songs with stems, in the layout of the challenge."""
    root = tmp_path / "songs"
    for number in (1, 2):
        folder = root / f"song {number}"
        folder.mkdir(parents=True)
        stems = [noise(SAMPLE_RATE + 100 * number, seed=4 * number + i) / 4 for i in range(4)]
        sf.write(folder / "mixture.wav", np.sum(stems, axis=0).T, SAMPLE_RATE)
        for source, stem in zip(SOURCES, stems, strict=True):
            sf.write(folder / f"{source}.wav", stem.T, SAMPLE_RATE)
    return root
