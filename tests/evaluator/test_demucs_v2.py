"""Demucs-v2 in a run: fingerprints of systems, origins of its weights, and timing."""

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from evaluator.systems import System, read_systems
from mdx.errors import ConfigError
from mdx.systems.manifest import int8_name, register_weights
from mdx.systems.spec import SOURCES
from models.convert import convert
from models.demucs_v2.network import DemucsSpec, random_demucs
from tests.evaluator.entries import MUSDB18
from tests.evaluator.runs import evaluate, read_report
from tests.tiny import edit_system

BLEND = {"bass": 0.5, "drums": 0.5, "other": 0.7, "vocals": 0.9}
DEMUCS = {
    "kind": "waveform", "name": "demucs_v2", "makes": ["drums", "bass", "other", "vocals"],
    "weights": "demucs.onnx", "segment": 0.4, "overlap": 0.5, "normalise": "stereo",
}  # fmt: skip


@pytest.fixture(scope="module")
def blended_once(tiny_system: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The YAML of the tiny system with Demucs-v2, converted from a checkpoint next to it."""
    path = tmp_path_factory.mktemp("blended") / "system" / tiny_system.name
    shutil.copytree(tiny_system.parent, path.parent)
    checkpoint = path.with_name("demucs.th")
    torch.save(random_demucs(DemucsSpec(channels=1), seed=0).state_dict(), checkpoint)
    convert(checkpoint, path.parent, "demucs.onnx")
    return edit(path)


@pytest.fixture
def blended(blended_once: Path, tmp_path: Path) -> Path:
    """The YAML of a copy of that system, which the test may change."""
    shutil.copytree(blended_once.parent, tmp_path / "blended")
    return tmp_path / "blended" / blended_once.name


def edit(path: Path, name: str | None = None, *, demucs: Any = DEMUCS, blend: Any = BLEND) -> Path:
    """Blend the tiny system with Demucs-v2, in place or as another file; None omits a part."""
    system = yaml.safe_load(path.read_text())
    estimators = [part for part in system["estimators"] if part["kind"] == "spectrogram"]
    combine = [step for step in system["combine"] if step["kind"] == "mixer"]
    system["estimators"] = estimators + ([demucs] if demucs else [])
    step = {"kind": "blend", "estimator": "demucs_v2", "shares": blend}
    system["combine"] = combine + ([step] if demucs else [])
    path.write_text(yaml.safe_dump(system))
    return path


def alone(path: Path) -> Path:
    """The Demucs-v2 of such a system alone."""
    system = yaml.safe_load(path.read_text()) | {"name": "alone", "estimators": [DEMUCS]}
    del system["combine"]
    path = path.with_name("alone.yaml")
    path.write_text(yaml.safe_dump(system))
    return path


def read(path: Path, precision: str = "float32") -> System:
    (system,) = read_systems([str(path)], precision)
    return system


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_demucs_is_a_part_of_a_system(blended: Path) -> None:
    system, single = read(blended), read(alone(blended))
    assert set(system.weights) == {*SOURCES, "mixer", "demucs_v2"}
    assert set(system.below) == {*SOURCES, "demucs_v2"}
    assert single.weights == {"demucs_v2": sha256(blended.with_name("demucs.onnx"))}
    assert system.origins == single.origins
    assert system.origins["demucs_v2"] == sha256(blended.with_name("demucs.th"))


CHANGES: dict[str, Callable[[Path], object]] = {
    "weights": lambda path: path.with_name("demucs.onnx").write_bytes(b"another"),
    "int8 below": lambda path: path.with_name("demucs.int8.onnx").write_bytes(b"x"),
    "segment": lambda path: edit(path, demucs=DEMUCS | {"segment": 0.5}),
    "overlap": lambda path: edit(path, demucs=DEMUCS | {"overlap": 0.25}),
    "level": lambda path: edit(path, demucs=DEMUCS | {"normalise": "mono"}),
    "shifts": lambda path: edit(path, demucs=DEMUCS | {"shifts": 1}),
    "blend": lambda path: edit(path, blend=BLEND | {"vocals": 0.8}),
    "no Demucs-v2": lambda path: edit(path, demucs=None),
}


@pytest.mark.parametrize("case", CHANGES)
def test_every_change_that_affects_stems_changes_the_key(blended: Path, case: str) -> None:
    before = read(blended).key
    assert read(blended).key == before
    CHANGES[case](blended)
    assert read(blended).key != before


def test_the_origin_belongs_to_one_file(blended: Path) -> None:
    blended.with_name("demucs.onnx").write_bytes(b"another")
    assert not read(blended).origins
    blended.with_name("demucs.onnx").unlink()
    assert not read(blended).origins and read(blended).weights["demucs_v2"] is None


def test_an_int8_network_is_not_the_released_one(blended: Path) -> None:
    folder = blended.parent
    for name in (*(f"{source}.onnx" for source in SOURCES), "demucs.onnx"):
        (folder / int8_name(name)).write_bytes((folder / name).read_bytes())
        register_weights(folder, int8_name(name), made_by="a test", parent=sha256(folder / name))
    system = read(blended, "int8")
    assert system.marks(MUSDB18) == ["int8"]
    assert system.origins["demucs_v2"] == sha256(folder / "demucs.onnx")


def test_two_stems_are_refused_in_one_line(
    tiny_copy: Path, test_set: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    part = {"kind": "spectrogram", "makes": ["vocals"], "weights": "vocals.onnx", "n_fft": 384}
    two = {"stems": ["vocals", "instrumental"], "combine": [{"kind": "rest"}]}
    edit_system(tiny_copy, {**two, "estimators": [part]})
    with pytest.raises(ConfigError, match="got the stems vocals, instrumental, expected the four"):
        read(tiny_copy)
    assert evaluate(test_set, tiny_copy, tmp_path / "out") == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_a_run_with_demucs(blended: Path, test_set: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    options = ("--tracks", "song 1", "--system", alone(blended))
    assert evaluate(test_set, blended, out, *options, "--timing") == 0
    report = read_report(out)
    both, single = report["systems"]
    assert single["weights"] == {"demucs_v2": both["weights"]["demucs_v2"]}
    assert both["mean"]["sdr"] != single["mean"]["sdr"]
    stages = [list(timing["songs"][0]["stages"]) for timing in report["timing"]["systems"]]
    networks = [*SOURCES, "demucs_v2"]
    assert stages[0] == ["read", "stft", *networks, "istft", "combine", "write", "rest"]
    assert stages[1] == ["read", "demucs_v2", "combine", "write", "rest"]
    stems = sorted((out / "stems").glob("*/*/bass.wav"))
    before = [path.stat().st_mtime_ns for path in stems]
    edit(blended, blend=BLEND | {"vocals": 0.8})
    assert evaluate(test_set, blended, out, *options, "--resume") == 0
    again = [path.stat().st_mtime_ns != old for path, old in zip(stems, before, strict=True)]
    assert [path.parts[-3] for path in stems] == ["alone", "tiny"] and again == [False, True]
