"""YAML files of MDX23C checkpoints: what does not match, is malicious or is missing."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from models.describe.mdx23c import tail_hash
from tests.models.describing import error_of
from tests.models.mdx23c_original import YAML, config, lay_out


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
        ({"training__instruments": ["../up", "x"]}, r"yaml: stems: got '../up'"),
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
