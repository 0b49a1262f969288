"""Descriptions of ONNX files and records that are valid, of another kind, or broken."""

import hashlib
import re
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from mdx.systems.spec import MODELS
from models.describe.__main__ import main
from models.describe.graph import read_graph, uvr_hash
from models.describe.records import KNOWN_N_FFT, likely_n_fft, other_stem
from tests.models.describing import BY_HAND, error_of, model_data, network, record


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


def test_a_network_of_several_stems_has_another_page(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(MODELS / "weights" / "synthetic" / "all.onnx")]) == 1
    told = capsys.readouterr().err
    assert "got a network of several stems, expected one stem" in told and "own-networks" in told


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
def test_an_invalid_record_is_explained(
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
def test_a_file_that_is_not_an_mdx_net_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes | None, message: str
) -> None:
    path = tmp_path / "x.onnx"
    if content is not None:
        path.write_bytes(content)
    text = error_of(capsys, path)
    assert str(path) in text and message in text


def test_external_weights_are_reported_in_one_line(
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
