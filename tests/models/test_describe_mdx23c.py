"""MDX23C checkpoints in their original format: the written system equals the original."""

import json
from pathlib import Path

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
from tests.models.mdx23c_original import YAML, Original, config, lay_out
from tests.published import averaged_longhand
from tests.tiny import noise

TOLERANCE = 1e-4  # of the peak: onnxruntime and numpy against torch
CHUNK = 240


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Original]:
    """A system of two stems, written from a checkpoint and its record."""
    folder = tmp_path_factory.mktemp("mdx23c")
    original, options = lay_out(folder, config(model__num_blocks_per_scale=1))
    path = folder / "new" / "mine.yaml"
    assert main([str(folder / "x.ckpt"), *options, "--write", str(path)]) == 0
    assert {it.name for it in path.parent.iterdir()} >= {"mine.yaml", "mine.onnx", "manifest.yaml"}
    assert not list(path.parent.glob(".*.part"))
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
    checkpoint = folder.parent / "x.ckpt"
    assert entry.parent == describe_file(checkpoint).sha256
    assert entry.made_by == "python -m models.describe x.ckpt --write mine.yaml"
    assert tail_hash(checkpoint) == uvr_hash(checkpoint.read_bytes())


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
    ("state", "message"),
    [
        ({"band_split.to_features.0.0.gamma": torch.ones(2)}, "a checkpoint of BS-Roformer or Mel"),
        (
            {"encoder.0.0.weight": torch.ones(2), "lstm.linear.weight": torch.ones(1)},
            "Demucs-v2, expected an MDX23C; python -m models.convert makes its network",
        ),
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


def test_a_folder_that_cannot_be_made_is_one_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, options = lay_out(tmp_path, config(model__num_blocks_per_scale=1))
    checkpoint = tmp_path / "x.ckpt"
    assert "x.ckpt" in error_of(capsys, checkpoint, *options, "--write", checkpoint / "mine.yaml")


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
