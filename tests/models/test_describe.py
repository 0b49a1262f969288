"""What is told of ONNX files and records that are right, of another kind, or broken."""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import soundfile as sf
import yaml
from onnx import TensorProto, helper, numpy_helper

from mdx.systems.find import read_system
from mdx.systems.manifest import describe, register_weights
from mdx.systems.spec import MODELS
from mdx.systems.weights import read_weights
from models.describe.__main__ import main
from models.describe.graph import read_graph, uvr_hash
from models.describe.records import KNOWN_N_FFT, likely_n_fft, other_stem
from predict import main as separate

BY_HAND = ["--n-fft", "6144", "--primary", "Vocals", "--compensate", "1.03"]


def network(shape: tuple[int | str, ...] = ("batch", 4, 2048, 256), *, opset: int = 13) -> bytes:
    """An ONNX file with the ends of a published MDX-Net."""
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape))
        for name in ("input", "output")
    ]
    graph = helper.make_graph(
        [helper.make_node("Neg", ["input"], ["output"])], "g", ends[:1], ends[1:]
    )
    model = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("more", 1), helper.make_opsetid("", opset)],
        ir_version=8,
        producer_name="pytorch",
        producer_version="1.10",
    )
    content: bytes = model.SerializeToString()
    return content


@pytest.fixture
def onnx_file(tmp_path: Path) -> Path:
    """A network of 2048 bins and 256 frames."""
    path = tmp_path / "found.onnx"
    path.write_bytes(network())
    return path


def record(**changes: Any) -> dict[str, Any]:
    """What a registry says of that network; None takes a key away."""
    values = {
        "compensate": 1.021,
        "mdx_dim_f_set": 2048,
        "mdx_dim_t_set": 8,
        "mdx_n_fft_scale_set": 5120,
        "primary_stem": "Instrumental",
        **changes,
    }
    return {key: value for key, value in values.items() if value is not None}


def model_data(onnx_file: Path, values: object) -> list[str]:
    """A registry of two networks, as an option."""
    path = onnx_file.with_name("model_data.json")
    path.write_text(json.dumps({"0" * 32: {}, uvr_hash(onnx_file.read_bytes()): values}))
    return ["--model-data", str(path)]


def error_of(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """The one line that a failing call says."""
    assert main([str(argument) for argument in arguments]) == 1
    text = capsys.readouterr().err
    assert text.startswith("error: ") and text.count("\n") == 1
    return text


def test_the_hash_is_that_of_the_last_ten_million_bytes() -> None:
    tail = bytes(range(256)) * 40_000
    assert len(tail) == 10_240_000
    assert uvr_hash(b"head" + tail) == uvr_hash(tail) == hashlib.md5(tail).hexdigest()
    assert uvr_hash(tail[1:]) == hashlib.md5(tail[1:]).hexdigest()


def test_a_network_and_its_record_are_described(
    onnx_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(onnx_file), *model_data(onnx_file, record(is_karaoke=True))]) == 0
    content = onnx_file.read_bytes()
    lines = [line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines()]
    told = {line[0]: line[1] for line in lines}
    assert told["file"] == f"{onnx_file} ({len(content)} bytes)"
    assert told["sha256"] == hashlib.sha256(content).hexdigest()
    assert told["UVR"] == f"hash    {uvr_hash(content)}"
    assert told["network"] == "float32, opset 13, by pytorch 1.10"
    assert told["shape"] == "(batch, 4, 2048, 256): 2048 bins, 256 frames"
    assert told["n_fft"] == "5120, hop 1024"
    assert told["cut-off"] == "17640 Hz"
    assert told["chunk"] == "261120 samples (5.92 s), trim 2560, step 256000"
    assert told["stems"] == "Instrumental, Vocals, compensate 1.021"
    assert "lead" in told["karaoke"]


def test_int8_and_another_opset_are_seen() -> None:
    path = MODELS / "weights" / "demo" / "bass.int8.onnx"
    assert read_graph(path.read_bytes(), path).precision == "int8"
    assert read_graph(network(opset=17), path).opset == 17


def test_without_n_fft_the_likely_ones_are_named(
    onnx_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(onnx_file)]) == 0
    line = capsys.readouterr().out.splitlines()[-1]
    assert line.startswith("n_fft")
    assert all(str(n_fft) in line for n_fft in KNOWN_N_FFT[2048])
    assert "6144 (cut-off 14700 Hz)" in line
    assert likely_n_fft(1000) == (2000,)


def test_options_go_before_the_record(onnx_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--n-fft", "4096", "--primary", "Bass", "--compensate", "1.5"]
    assert main([str(onnx_file), *model_data(onnx_file, record()), *options]) == 0
    out = capsys.readouterr().out
    assert "4096, hop" in out and "22050 Hz" in out
    assert "Bass, No Bass, compensate 1.5" in out


@pytest.mark.parametrize(
    ("primary", "rest"),
    [
        ("Vocals", "Instrumental"),
        ("Instrumental", "Vocals"),
        ("Drums", "No Drums"),
        ("No Crowd", "Crowd"),
    ],
)
def test_the_rest_has_uvr_s_name(primary: str, rest: str) -> None:
    assert other_stem(primary) == rest


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ({"config_yaml": "bs_roformer_x.yaml", "is_roformer": True}, "BS-Roformer"),
        ({"config_yaml": "mel-band.yaml", "is_roformer": True}, "Mel-Band Roformer"),
        ({"config_yaml": "x.yaml", "model_type": "scnet", "is_roformer": True}, "SCNet"),
        ({"config_yaml": "bandit_v2.yaml", "is_roformer": True}, "Bandit"),
        ({"config_yaml": "x.yaml", "is_roformer": True}, "Roformer, SCNet or Bandit"),
        ({"config_yaml": "config_apollo.yaml", "is_roformer": True}, "Apollo"),
        ({"vr_model_param": "4band_v3", "primary_stem": "Vocals"}, "VR"),
    ],
)
def test_another_architecture_is_named(
    onnx_file: Path, capsys: pytest.CaptureFixture[str], values: object, name: str
) -> None:
    onnx_file.write_bytes(b"whatever the file holds")
    text = error_of(capsys, onnx_file, *model_data(onnx_file, values))
    assert f"got a {name} network" in text and f"{name} is not supported" in text


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([], "got list, expected an object of settings"),
        ({}, "got no 'mdx_n_fft_scale_set', expected the five settings"),
        (record(compensate=None), "got no 'compensate'"),
        (record(compensate="1.03"), "compensate: got '1.03', expected a number"),
        (record(mdx_dim_t_set=8.0), "mdx_dim_t_set: got 8.0, expected a whole number"),
        (record(mdx_dim_f_set=True), "mdx_dim_f_set: got True"),
        (record(primary_stem=4), "primary_stem: got 4, expected text"),
        (record(mdx_dim_f_set=3072), "got 2048 bins .*expected 3072 bins .*another network's"),
        (record(mdx_dim_t_set=9), r"and 256 frames in the graph, expected .*2\^9 frames"),
        (record(mdx_n_fft_scale_set=6143), "got n_fft 6143, hop 1024, expected an even n_fft"),
        (record(mdx_n_fft_scale_set=2048), "got dim_f 2048, expected 1 to 1025, the bins of n_fft"),
        (record(mdx_n_fft_scale_set=262144), "expected a chunk longer than n_fft 262144"),
    ],
)
def test_a_record_that_cannot_be_is_explained(
    onnx_file: Path, capsys: pytest.CaptureFixture[str], values: object, message: str
) -> None:
    text = error_of(capsys, onnx_file, *model_data(onnx_file, values))
    assert re.search(message, text), text


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "expected valid JSON"),
        (b"\xff\xfe", "expected valid JSON"),
        (b"[" * 100_000, "expected valid JSON"),
        (b"[]", "got list, expected an object of records by hash"),
        (None, "got No such file or directory, expected a model_data.json"),
    ],
)
def test_a_malformed_registry_is_refused(
    onnx_file: Path, capsys: pytest.CaptureFixture[str], content: bytes | None, message: str
) -> None:
    path = onnx_file.with_name("model_data.json")
    if content is not None:
        path.write_bytes(content)
    text = error_of(capsys, onnx_file, "--model-data", path)
    assert str(path) in text and message in text


def test_a_registry_without_the_file_says_what_to_give(
    onnx_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = onnx_file.with_name("model_data.json")
    path.write_text("{}")
    text = error_of(capsys, onnx_file, "--model-data", path)
    assert f"no record for {uvr_hash(onnx_file.read_bytes())}" in text
    for word in ("--n-fft (4096 or 5120", "--primary", "--compensate (usual: 1.035)"):
        assert word in text
    text = error_of(capsys, onnx_file, "--model-data", path, "--n-fft", 6144)
    assert "--n-fft" not in text and "--primary" in text
    assert main([str(onnx_file), "--model-data", str(path), *BY_HAND]) == 0


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (network(("batch", 4, 2048)), "fixed F and T"),  # rank
        (network(("batch", 4, 2048, "frames")), "fixed F and T"),  # dynamic time
        (network(("batch", 256, 2048, 4)), "fixed F and T"),  # layout
        (b"no network at all", "expected an ONNX network"),
        (b"", "expected an ONNX network"),
        (b"PK\x03\x04archive/data.pkl", "expected a checkpoint with a state dict"),
        (b"\x00\x00\x00\x00ORTM\xff\xff", "onnxruntime's own format"),
        (None, "No such file or directory"),
    ],
)
def test_what_is_no_mdx_net_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes | None, message: str
) -> None:
    path = tmp_path / "x.onnx"
    if content is not None:
        path.write_bytes(content)
    text = error_of(capsys, path)
    assert str(path) in text and message in text


def test_weights_in_another_file_are_said_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    values = np.ones((2048, 256), np.float32)
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", 4, 2048, 256])
        for name in ("input", "output")
    ]
    gain = numpy_helper.from_array(values, "gain")
    graph = helper.make_graph(
        [helper.make_node("Mul", ["input", "gain"], ["output"])], "g", ends[:1], ends[1:], [gain]
    )
    path = tmp_path / "x.onnx"
    onnx.save_model(helper.make_model(graph), path, save_as_external_data=True, location="x.data")
    text = error_of(capsys, path)
    assert "a network that keeps its weights in another file (tensor 'gain')" in text
    assert "onnx.save_model(onnx.load(FILE), FILE)" in text and "onnxruntime" not in text


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


def test_nothing_is_overwritten_without_being_told(
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
