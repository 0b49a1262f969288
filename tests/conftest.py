"""A tiny system of random networks, and songs to separate with it."""

import functools
import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
import torch
import yaml
from torch.onnx._internal.exporter._registration import ONNXRegistry

from mdx.separator import Separator
from mdx.systems.manifest import int8_name, register_weights
from mdx.systems.spec import SAMPLE_RATE, SOURCES
from models.export import export_network
from tests.lab import Lab
from tests.tiny import TINY, noise, tiny_mixer, tiny_network


@pytest.fixture(autouse=True)
def no_bf16(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same quality levels on all machines: bfloat16, which only some CPUs have, is off."""
    monkeypatch.setattr("mdx.runtimes.runtime.has_bf16", lambda: False)


@pytest.fixture(autouse=True)
def _same_logging(monkeypatch: pytest.MonkeyPatch) -> None:
    """Our logging as before any command, since a command changes it for the whole process."""
    logger = logging.getLogger("mdx")
    for key, value in (("handlers", []), ("propagate", True)):
        monkeypatch.setattr(logger, key, value)
    logger.setLevel(logging.NOTSET)  # and nothing remembers which levels were off


@pytest.fixture(scope="session", autouse=True)
def _cheap_processes() -> Iterator[None]:
    """One thread for networks, in this process and in children, since those of tests are small.

    Two threads would wait for each other and take twice the CPU time, even more so with several
    workers of pytest-xdist.
    """
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        for name in ("MDX_THREADS", "OMP_NUM_THREADS"):
            patch.setenv(name, "1")
        patch.setattr("evaluator.evaluation.available_cpus", lambda: 1)
        yield


@pytest.fixture(scope="session", autouse=True)
def _cheap_exports() -> Iterator[None]:
    """Make torch's exporter build its table of operators once, which saves 0.5 s per network."""
    table = functools.cache(ONNXRegistry.from_torchlib)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ONNXRegistry, "from_torchlib", staticmethod(table))
        yield


@pytest.fixture(scope="session")
def tiny_system(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The YAML of a system of four random networks and a random Mixer, in its own folder."""
    folder = tmp_path_factory.mktemp("tiny")
    estimators: list[dict[str, object]] = []
    for source, spec in TINY.items():
        path = folder / f"{source}.onnx"
        export_network(tiny_network(source), path, shape=(4, spec.dim_f, spec.dim_t))
        register_weights(folder, path.name, made_by="a test")
        sizes = {"weights": path.name, "n_fft": spec.n_fft, "hop": spec.hop}
        estimators.append({"kind": "spectrogram", "makes": [source], **sizes})
    np.savez(folder / "mixer.npz", weight=tiny_mixer())
    register_weights(folder, "mixer.npz", made_by="a test")
    system = {
        "name": "tiny",
        "description": "random networks for tests",
        "training_data": [],
        "leaderboard": "none",
        "estimators": estimators,
        "combine": [{"kind": "mixer", "weights": "mixer.npz"}],
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
    """The YAML of a copy of the tiny system that the test may damage."""
    folder = tmp_path / "system"
    folder.mkdir()
    for path in tiny_system.parent.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    return folder / tiny_system.name


@pytest.fixture
def quantised_copy(tiny_copy: Path) -> Path:
    """Such a copy whose float32 files also stand in for int8 ones."""
    folder = tiny_copy.parent
    manifest = yaml.safe_load((folder / "manifest.yaml").read_text())
    for source in SOURCES:
        name = int8_name(f"{source}.onnx")
        (folder / name).write_bytes((folder / f"{source}.onnx").read_bytes())
        parent = manifest[f"{source}.onnx"]["sha256"]
        register_weights(folder, name, made_by="a test", parent=parent, loss=0.001)
    return tiny_copy


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A Dask scheduler in its own process, for workers that tests start."""
    lab = Lab(tmp_path_factory.mktemp("lab"))
    yield lab
    lab.close()


@pytest.fixture
def song(tmp_path: Path) -> Path:
    """Half a second of noise as a WAV file."""
    path = tmp_path / "song.wav"
    sf.write(path, noise(SAMPLE_RATE // 2).T, SAMPLE_RATE)
    return path


@pytest.fixture
def test_set(tmp_path: Path) -> Path:
    """Two songs with stems, in the layout of the challenge."""
    return write_songs(tmp_path / "songs")


def write_songs(root: Path) -> Path:
    """Write two songs of one second with their stems below a folder; returns the folder."""
    for number in (1, 2):
        folder = root / f"song {number}"
        folder.mkdir(parents=True)
        stems = [noise(SAMPLE_RATE + 100 * number, seed=4 * number + i) / 4 for i in range(4)]
        sf.write(folder / "mixture.wav", np.sum(stems, axis=0).T, SAMPLE_RATE)
        for source, stem in zip(SOURCES, stems, strict=True):
            sf.write(folder / f"{source}.wav", stem.T, SAMPLE_RATE)
    return root
