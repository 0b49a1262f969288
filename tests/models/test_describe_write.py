"""Systems that `python -m models.describe --write` writes."""

from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
import yaml

from mdx.systems.find import read_system
from mdx.systems.manifest import describe, register_weights
from mdx.systems.weights import read_weights
from models.describe.__main__ import main
from predict import main as separate
from tests.models.describing import BY_HAND, error_of, model_data, network, record


def test_a_written_system_is_read_and_its_weights_are_accepted(
    onnx_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    below = onnx_file.parent / "nets" / "found.onnx"
    below.parent.mkdir()
    onnx_file.rename(below)
    path = below.parent.parent / "mine.yaml"
    assert main([str(below), *model_data(below, record()), "--write", str(path)]) == 0
    system = read_system(path)
    assert (system.name, system.leaderboard) == ("mine", "none")
    assert system.stems == ("instrumental", "vocals")
    part, crop = system.estimators
    assert (part.kind, part.makes, part.weights) == (
        "spectrogram", ("instrumental",), "nets/found.onnx",
    )  # fmt: skip
    assert part.options == {
        "n_fft": 5120, "hop": 1024, "dim_f": 2048, "dim_t": 256, "geometry": "uvr",
        "gain": 1.021, "hidden_bins": 3,
    }  # fmt: skip
    assert crop.options == {"n_fft": 5120, "hop": 1024, "dim_f": 2048, "hidden_bins": 3}
    (rest,) = system.combine
    assert (crop.kind, rest.kind, rest.estimator) == ("band_limit", "rest", crop.name)
    assert read_weights(path.parent, "nets/found.onnx") == below.read_bytes()


def test_a_written_system_separates(onnx_file: Path, song: Path, tmp_path: Path) -> None:
    path = onnx_file.with_name("mine.yaml")
    assert main([str(onnx_file), *BY_HAND, "--write", str(path)]) == 0
    options = ["--system", str(path), "--threads", "1", "--float32", "-o", str(tmp_path / "out")]
    assert separate([str(song), *options]) == 0
    vocals, instrumental = (
        sf.read(tmp_path / "out" / "song" / f"{stem}.wav", dtype="float32")[0]
        for stem in ("vocals", "instrumental")
    )
    # The network turns the mixture below its cut-off upside down, and the rest is what is left.
    peak = np.abs(vocals).max()
    assert peak > 0.1
    assert np.abs(instrumental + vocals * (1 + 1 / 1.03)).max() < 1e-5 * peak


def test_only_vocals_and_instrumental_match_the_cut_off(onnx_file: Path) -> None:
    path = onnx_file.with_name("drums.yaml")
    options = model_data(onnx_file, record(primary_stem="Drums", compensate=2))
    assert main([str(onnx_file), *options, "--write", str(path)]) == 0
    spec = read_system(path)
    (part,), (rest,) = spec.estimators, spec.combine
    assert spec.stems == ("drums", "no_drums") and part.options["gain"] == 2.0
    assert (rest.kind, rest.estimator) == ("rest", None)


def test_nothing_is_overwritten_without_the_option(
    onnx_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, manifest = onnx_file.with_name("mine.yaml"), onnx_file.with_name("manifest.yaml")
    path.write_text("precious")
    text = error_of(capsys, onnx_file, *BY_HAND, "--write", path)
    assert "mine.yaml: got a file that is there already" in text and "--overwrite" in text
    assert path.read_text() == "precious" and not manifest.exists()
    assert main([str(onnx_file), *BY_HAND, "--write", str(path), "--overwrite"]) == 0
    assert read_system(path).name == "mine"
    onnx_file.write_bytes(network(opset=17))  # another network of the same name
    before, second = manifest.read_text(), onnx_file.with_name("second.yaml")
    text = error_of(capsys, onnx_file, *BY_HAND, "--write", second)
    assert "manifest.yaml: got sha256" in text and "--overwrite" in text
    assert not second.exists() and manifest.read_text() == before
    assert main([str(onnx_file), *BY_HAND, "--write", str(second), "--overwrite"]) == 0
    assert read_weights(onnx_file.parent, "found.onnx") == onnx_file.read_bytes()


def test_an_entry_of_the_same_file_is_left_as_it_is(onnx_file: Path) -> None:
    register_weights(onnx_file.parent, "found.onnx", made_by="a friend", data="songs")
    manifest = onnx_file.with_name("manifest.yaml")
    before = manifest.read_text()
    assert main([str(onnx_file), *BY_HAND, "--write", str(onnx_file.with_name("m.yaml"))]) == 0
    assert manifest.read_text() == before
    entry = yaml.safe_load(before)["found.onnx"]
    assert entry["sha256"] == describe(onnx_file.read_bytes()).sha256


def test_what_cannot_be_written_is_an_error(
    onnx_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def failure(*options: object) -> str:
        return error_of(capsys, onnx_file, *options)

    text = failure("--write", tmp_path / "x.yaml")
    assert "no more than its graph" in text and "--n-fft" in text and "--compensate" in text
    assert "expected a .yaml" in failure(*BY_HAND, "--write", tmp_path / "x.txt")
    (tmp_path / "elsewhere").mkdir()
    text = failure(*BY_HAND, "--write", tmp_path / "elsewhere" / "x.yaml")
    assert "does not lie" in text and "the network's folder" in text
    text = failure("--n-fft", 6144, "--primary", "../up", "--compensate", 1, "--write",
                   tmp_path / "x.yaml")  # fmt: skip
    assert "expected the name of one folder" in text
    text = failure("--n-fft", 6144, "--primary", "Bass", "--compensate", "nan", "--write",
                   tmp_path / "x.yaml")  # fmt: skip
    assert "gain: got nan" in text
    assert not list(tmp_path.glob("*.yaml"))
