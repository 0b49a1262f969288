"""MDX23C checkpoints in their original format: the written system equals the original."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

from mdx.separator import Separator
from mdx.systems.find import read_system
from mdx.systems.manifest import describe_file, read_manifest
from mdx.systems.spec import SAMPLE_RATE
from models.describe.__main__ import main
from models.describe.graph import uvr_hash
from models.describe.mdx23c import tail_hash
from tests.models.describing import error_of, network, record
from tests.models.mdx23c_original import Original, config
from tests.published import averaged_longhand
from tests.tiny import noise

TOLERANCE = 1e-4  # of the peak: onnxruntime and numpy against torch
CHUNK = 240
YAML = "model_2_stem_full_band_8k.yaml"


def lay_out(folder: Path, values: dict[str, Any], *, seed: int = 0) -> tuple[Original, list[str]]:
    """Write a checkpoint and UVR's registry with its YAML; returns the options for them."""
    original = Original(values, seed=seed)
    torch.save(original.state, folder / "x.ckpt")
    (folder / "mdx_c_configs").mkdir()
    (folder / "mdx_c_configs" / YAML).write_text(yaml.safe_dump(values))
    records = {tail_hash(folder / "x.ckpt"): {"config_yaml": YAML}}
    (folder / "model_data.json").write_text(json.dumps(records))
    return original, ["--model-data", str(folder / "model_data.json")]


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Original]:
    """A system of two stems, written from a checkpoint and its record."""
    folder = tmp_path_factory.mktemp("mdx23c")
    original, options = lay_out(folder, config(model__num_blocks_per_scale=1))
    path = folder / "mine.yaml"
    assert main([str(folder / "x.ckpt"), *options, "--write", str(path)]) == 0
    return path, original


def check(path: Path, original: Original, chunks: int, lengths: list[int]) -> None:
    """Assert that a system's stems equal the published inference with the original network."""
    separator = Separator.load(path, threads=1)
    made = read_system(path).estimators[0].makes
    for samples in lengths:
        song = noise(samples) + np.float32(0.05)
        got = separator.separate(song, SAMPLE_RATE)
        expected = averaged_longhand(torch.from_numpy(song), original, CHUNK, chunks).numpy()
        for stem, wanted in zip(made, expected, strict=True):
            peak = np.abs(wanted).max()
            assert peak > 0
            assert np.abs(got[stem] - wanted).max() < TOLERANCE * peak, (stem, samples)
        for stem in set(got) - set(made):
            assert np.abs(got[stem] + got[made[0]] - song).max() < 1e-6


def test_it_separates_as_published(shelf: tuple[Path, Original]) -> None:
    check(*shelf, 4, [1, CHUNK // 4, CHUNK // 4 + 1, CHUNK - 1, CHUNK, 2 * CHUNK + 1, 1_501])


def test_the_system_is_that_of_the_yaml(shelf: tuple[Path, Original]) -> None:
    path, _ = shelf
    system, folder = read_system(path), path.parent
    assert (system.name, system.leaderboard) == ("mine", "none")
    assert system.stems == ("vocals", "instrumental") and system.combine == ()
    (part,) = system.estimators
    assert (part.makes, part.weights) == (("vocals", "instrumental"), "mine.onnx")
    assert part.options == {
        "n_fft": 64, "hop": 16, "dim_f": 32, "dim_t": 16, "geometry": "mdx23c", "overlap": 0.75,
    }  # fmt: skip
    entry = read_manifest(folder)["mine.onnx"]
    assert entry.parent == describe_file(folder / "x.ckpt").sha256
    assert entry.made_by == "python -m models.describe x.ckpt --write mine.yaml"
    assert tail_hash(folder / "x.ckpt") == uvr_hash((folder / "x.ckpt").read_bytes())


def test_an_only_stem_has_the_rest_beside_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    values = config(
        training__target_instrument="Lead Vocals",
        training__instruments=["Lead Vocals", "other"],
        model__norm="BatchNorm", model__act="relu", model__scale=[1, 2],
        model__num_blocks_per_scale=1, inference__num_overlap=3,
    )  # fmt: skip
    original, options = lay_out(tmp_path, values, seed=5)
    path = tmp_path / "lead.yaml"
    assert main([str(tmp_path / "x.ckpt"), *options, "--write", str(path)]) == 0
    said = capsys.readouterr().out
    assert "MDX23C (TFC-TDF-U-Net v3)" in said and "stems       Lead Vocals\n" in said
    assert "chunk       240 samples (0.01 s), the mean of 3" in said
    assert read_system(path).stems == ("lead_vocals", "no_lead_vocals")
    check(path, original, 3, [1, 239, 481])


def test_without_a_registry_the_yaml_is_given(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lay_out(tmp_path, config())
    text = error_of(capsys, tmp_path / "x.ckpt")
    assert "expected an MDX23C checkpoint with the YAML" in text and "--config-yaml" in text
    given = ["--config-yaml", str(tmp_path / "mdx_c_configs" / YAML)]
    assert main([str(tmp_path / "x.ckpt"), *given]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert f"UVR hash    {tail_hash(tmp_path / 'x.ckpt')}" in lines
    assert not list(tmp_path.glob("*.yaml"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model__num_channels": 6}, r"width 4.*expected dim_f 32.*width 6"),
        ({"audio__dim_f": 16}, r"got TFC-TDF-U-Net v3 of dim_f 32.*expected dim_f 16"),
        ({"model__norm": "BatchNorm"}, r"missing: encoders.0.0.tfc1.0.running_mean"),
        ({"training__instruments": ["a", "b", "c"]}, r"sources 2.*expected .*sources 3"),
        ({"model__num_channels": 10**9}, r"num_channels: got 1000000000, expected a whole number"),
        ({"model__num_scales": True}, r"num_scales: got True, expected a whole number from 1 to"),
        ({"audio__num_channels": 1}, r"audio: num_channels: got 1, expected 2"),
        ({"audio__sample_rate": 48000}, r"sample_rate: got 48000, expected 44100"),
        ({"audio__n_fft": 63}, r"model_2_stem_full_band_8k.yaml: STFT: got n_fft 63"),
        ({"audio__dim_f": 34}, r"got dim_f 34, expected 1 to 33"),
        ({"audio__dim_f": 30}, r"got dim_f 30 .*expected dim_f a multiple of 8"),
        ({"inference__dim_t": 18}, r"dim_t: got 18, expected a multiple of 4"),
        ({"inference__dim_t": 10**6}, r"dim_t: got 1000000, expected a whole number from 2"),
        ({"inference__num_overlap": 0}, r"num_overlap: got 0, expected a whole number from 1 to"),
        ({"model__norm": "LayerNorm"}, r"norm: got 'LayerNorm', expected BatchNorm, Instance"),
        ({"model__norm": "GroupNorm3"}, r"got 3 groups of 4 channels"),
        ({"model__act": "silu"}, r"activation: got 'silu', expected one of gelu, relu, or elu"),
        ({"model__scale": [2, 0]}, r"scale: got \[2, 0\], expected two whole numbers"),
        ({"training__instruments": "Vocals"}, r"instruments: got 'Vocals', expected a list"),
        ({"training__target_instrument": "Guitar"}, r"got 'Guitar', expected one of the instr"),
        ({"training__instruments": ["../up", "x"]}, r"yaml: track name: got '../up'"),
        ({"training__instruments": ["A b", "a B"]}, r"yaml: stems: got .*expected names that diff"),
    ],
)
def test_a_yaml_that_does_not_match_is_reported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], changes: dict[str, Any], message: str
) -> None:
    _, options = lay_out(tmp_path, config())
    (tmp_path / "mdx_c_configs" / YAML).write_text(yaml.safe_dump(config(**changes)))
    before = set(tmp_path.rglob("*"))
    text = error_of(capsys, tmp_path / "x.ckpt", *options, "--write", tmp_path / "mine.yaml")
    assert re.search(message, text), text
    assert set(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("audio: !!python/object/apply:os.system ['touch {}']", "python/object/apply.*not.* run"),
        ("model: !!python/name:os.system", "python/name:os.system.*nothing of it was run"),
        ("a: [" * 3000, "expected valid YAML"),
        ("- 1", "got list, expected sections"),
        ("audio: 5", "audio: got no 'n_fft', expected the settings of an MDX23C"),
        ("x" * 100_001, "got more than 100000 bytes, expected a short YAML"),
        ("model: {freqs_per_bands: !!python/tuple [2, 2]}", "of BS-Roformer.*not supp"),
        ("model: {num_bands: 60}", "got the configuration of Mel-Band Roformer"),
        ("model: {band_SR: [0.1]}", "got the configuration of SCNet"),
        ("model: {feature_dim: 256, sr: 44100}", "got the configuration of Apollo"),
    ],
)
def test_no_yaml_is_run_or_followed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str, message: str
) -> None:
    lay_out(tmp_path, config())
    path = tmp_path / "evil.yaml"
    path.write_text(content.replace("{}", str(tmp_path / "ran")))
    text = error_of(capsys, tmp_path / "x.ckpt", "--config-yaml", path)
    assert re.search(message, text), text
    assert len(text) < 1000 and not (tmp_path / "ran").exists()


def test_aliases_that_grow_without_end_are_not_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lay_out(tmp_path, config())
    lines = ["a0: &a0 [1, 2]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 30)]
    values = yaml.safe_dump(config()).replace("dim_f: 32", "dim_f: *a29")
    (tmp_path / "bomb.yaml").write_text("\n".join(lines) + "\n" + values)
    text = error_of(capsys, tmp_path / "x.ckpt", "--config-yaml", tmp_path / "bomb.yaml")
    assert "audio: dim_f: got [[[...]," in text and len(text) < 1000


@pytest.mark.parametrize("name", ["../x.yaml", "/etc/passwd.yaml", "a\\b.yaml", "x.txt", 5])
def test_a_record_leads_to_no_other_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: object
) -> None:
    lay_out(tmp_path, config())
    path = tmp_path / "model_data.json"
    path.write_text(json.dumps({tail_hash(tmp_path / "x.ckpt"): {"config_yaml": name}}))
    text = error_of(capsys, tmp_path / "x.ckpt", "--model-data", path)
    assert "config_yaml: got " in text


def test_a_missing_yaml_is_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, options = lay_out(tmp_path, config())
    (tmp_path / "mdx_c_configs" / YAML).unlink()
    text = error_of(capsys, tmp_path / "x.ckpt", *options)
    assert f"names {YAML}, which is in none of {tmp_path / 'mdx_c_configs'}" in text
    assert "--config-yaml" in text


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({"band_split.to_features.0.0.gamma": torch.ones(2)}, "a checkpoint of BS-Roformer or Mel"),
        ({"encoder.0.0.weight": torch.ones(2), "lstm.linear.weight": torch.ones(1)}, "Demucs-v2"),
        ({"weight": torch.ones(2)}, "expected an MDX23C checkpoint with the YAML of its sizes"),
        ([1, 2], "got a list, expected a checkpoint"),
        ({"evil": eval}, "a pickle of other things than tensors, which could run code"),
    ],
)
def test_another_checkpoint_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], state: object, message: str
) -> None:
    torch.save(state, tmp_path / "x.ckpt")
    assert message in error_of(capsys, tmp_path / "x.ckpt")


def test_a_record_and_its_file_are_of_one_kind(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, options = lay_out(tmp_path, config())
    path = tmp_path / "model_data.json"
    path.write_text(json.dumps({tail_hash(tmp_path / "x.ckpt"): record()}))
    text = error_of(capsys, tmp_path / "x.ckpt", *options)
    assert "got a PyTorch checkpoint, expected an ONNX file, by its record" in text
    (tmp_path / "x.onnx").write_bytes(network())
    path.write_text(json.dumps({tail_hash(tmp_path / "x.onnx"): {"config_yaml": YAML}}))
    text = error_of(capsys, tmp_path / "x.onnx", *options)
    assert "got a file that is no PyTorch checkpoint, expected an MDX23C's .ckpt" in text


def test_nothing_is_replaced_without_the_option(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, options = lay_out(tmp_path, config())
    command = [tmp_path / "x.ckpt", *options, "--write", tmp_path / "mine.yaml"]
    for name in ("mine.yaml", "mine.onnx"):
        (tmp_path / name).write_text("precious")
        assert f"{name}: got a file that is there already" in error_of(capsys, *command)
        assert (tmp_path / name).read_text() == "precious"
        (tmp_path / name).unlink()
    (tmp_path / "manifest.yaml").write_text(yaml.safe_dump({"mine.onnx": {"sha256": "0" * 64}}))
    assert "for 'mine.onnx', expected none yet" in error_of(capsys, *command)
    assert "expected a .yaml" in error_of(capsys, *command[:-1], tmp_path / "mine.txt")
    assert not (tmp_path / "mine.onnx").exists()
