"""Conversion of Demucs-v2's released checkpoints to ONNX, and errors for other files."""

import hashlib
import pickle
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from onnxruntime import InferenceSession

from mdx.errors import WeightsError
from mdx.systems.manifest import WeightsEntry, write_entry
from mdx.systems.spec import MODELS
from mdx.systems.weights import name_for, read_weights
from models.checkpoints.demucs import demucs_of
from models.checkpoints.read import read_checkpoint
from models.convert import convert, find_folder, main
from models.demucs_v2.network import DemucsSpec, random_demucs

NET = random_demucs(DemucsSpec(channels=2), seed=1)
State = dict[str, Any]
ONNX = "demucs_v2/demucs.onnx"


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """A checkpoint, and a manifest with the first digits of its sha256."""
    path = tmp_path / "demucs_v2" / "demucs.th"
    path.parent.mkdir()
    torch.save(NET.state_dict(), path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    entry = WeightsEntry(
        digest[:8], url="https://example.org/demucs.th", data="songs", licence="MIT", becomes=ONNX
    )
    write_entry(tmp_path, "demucs_v2/demucs.th", entry)
    return path


def manifest(folder: Path) -> dict[str, dict[str, Any]]:
    entries: dict[str, dict[str, Any]] = yaml.safe_load((folder / "manifest.yaml").read_text())
    return entries


def test_a_checkpoint_becomes_onnx_and_int8(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = ONNX
    assert main([str(checkpoint), "--out", name]) == 0
    assert "between onnxruntime and torch" in capsys.readouterr().out
    content = read_weights(tmp_path, name)
    mix = np.random.default_rng(0).standard_normal((1, 2, NET.valid_length(5000)))
    with torch.no_grad():
        expected = NET(torch.from_numpy(mix).float()).numpy()
    session = InferenceSession(content, providers=["CPUExecutionProvider"])
    got = session.run(None, {"input": mix.astype(np.float32)})[0]
    assert np.abs(got - expected).max() <= 1e-5 * np.abs(expected).max()
    made = manifest(tmp_path)[name]
    assert made["parent"] == hashlib.sha256(checkpoint.read_bytes()).hexdigest()
    assert made["made_by"] == f"python -m models.convert demucs.th --out {name}"
    assert (made["data"], made["licence"]) == ("songs", "MIT") and not {"url", "becomes"} & set(
        made
    )

    assert main(["--int8", name, "--folder", str(tmp_path)]) == 0
    assert "dB SNR against float32" in capsys.readouterr().out
    assert name_for("int8", tmp_path, name) == "demucs_v2/demucs.int8.onnx"
    int8 = manifest(tmp_path)["demucs_v2/demucs.int8.onnx"]
    assert int8["parent"] == made["sha256"] and int8["licence"] == "MIT"
    assert int8["made_by"] == f"python -m models.convert --int8 {name}"


def test_a_checkpoint_that_is_in_no_manifest_is_taken_as_it_is(tmp_path: Path) -> None:
    path, folder = tmp_path / "mine.th", tmp_path / "weights"
    torch.save(OrderedDict(NET.half().state_dict()), path)
    NET.float()
    assert convert(path, folder, "mine.onnx") < 1e-5
    assert manifest(folder)["mine.onnx"]["parent"] == hashlib.sha256(path.read_bytes()).hexdigest()


def test_another_file_than_the_manifest_s_is_refused(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_entry(tmp_path, "demucs_v2/demucs.th", WeightsEntry("0" * 64, bytes=5))
    assert main([str(checkpoint), "--out", "demucs.onnx"]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "expected sha256 000" in error and "by --out" in error
    assert not (tmp_path / "demucs.onnx").exists() and list(manifest(tmp_path)) == [
        "demucs_v2/demucs.th"
    ]


def test_another_checkpoint_does_not_replace_a_published_network(
    checkpoint: Path, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    write_entry(tmp_path, "x/known.th", WeightsEntry("0" * 64, bytes=5, becomes="x/known.onnx"))
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "known.onnx").write_bytes(b"the published one")
    mine = tmp_path_factory.mktemp("downloads") / "mine.th"
    mine.write_bytes(checkpoint.read_bytes())
    arguments = [str(mine), "--folder", str(tmp_path), "--out"]
    assert main([*arguments, "x/known.onnx"]) == 1
    assert "another name by --out" in capsys.readouterr().err
    assert (tmp_path / "x" / "known.onnx").read_bytes() == b"the published one"
    assert main([*arguments, "x/mine.onnx"]) == 0


def test_another_checkpoint_s_network_is_replaced_on_request_only(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [str(checkpoint), "--folder", str(tmp_path), "--out", "mine.onnx"]
    (tmp_path / "mine.onnx").write_bytes(b"a network of somebody's own")
    assert main(words) == 1
    assert "--replace overwrites it" in capsys.readouterr().err
    assert (tmp_path / "mine.onnx").read_bytes() == b"a network of somebody's own"
    assert main([*words, "--replace"]) == 0
    assert main(words) == 0  # the same again


@pytest.mark.parametrize(
    ("key", "title"),
    [("band_split.to_features.0.0.gamma", "Roformer"), ("tencoder.0.conv.weight", "HTDemucs")],
)
def test_a_foreign_checkpoint_is_named(
    key: str, title: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.save({key: torch.zeros(1)}, tmp_path / "other.pth")
    assert main([str(tmp_path / "other.pth"), "--folder", str(tmp_path), "--out", "a.onnx"]) == 1
    assert title in capsys.readouterr().err


def touch(path: Path) -> None:
    path.touch()


class Payload:
    """A malicious pickle: loading it would create a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[[Path], None], tuple[Path]]:
        return touch, (self.path,)


@pytest.mark.parametrize("zipped", [True, False])
def test_no_code_of_a_pickle_is_run(tmp_path: Path, zipped: bool) -> None:
    path, trace = tmp_path / "evil.th", tmp_path / "trace"
    payload = {"encoder.0.0.weight": Payload(trace)}
    if zipped:
        torch.save(payload, path)
    else:
        path.write_bytes(pickle.dumps(payload))
    with pytest.raises(WeightsError, match="expected a checkpoint with a state dict") as caught:
        read_checkpoint(path)
    assert "\n" not in str(caught.value)
    assert "weights_only" not in str(caught.value)  # as torch would advise
    assert not trace.exists()


def other_states() -> dict[str, tuple[object, str]]:
    state = NET.state_dict()
    return {
        "wrapped": ({"state": state}, "got state, expected a checkpoint"),
        "a list": (list(state.values()), "got a list"),
        "numbers as names": ({0: torch.zeros(1)}, "got 0,"),
        "empty": ({}, "got an empty dict"),
        "sparse": ({**state, "thin": torch.eye(2).to_sparse()}, "got thin,"),
        "quantised": ({"compressed": b"x"}, "quantised by DiffQ .* not quantised"),
    }


@pytest.mark.parametrize("case", other_states())
def test_a_file_without_a_plain_state_dict_is_named(tmp_path: Path, case: str) -> None:
    path = tmp_path / "other.th"
    content, message = other_states()[case]
    torch.save(content, path)
    with pytest.raises(WeightsError, match=message):
        read_checkpoint(path)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut off", b"no pickle at all" * 100])
def test_a_file_that_is_not_a_checkpoint_is_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "noise.th"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=r"noise\.th: got .* expected a checkpoint with"):
        read_checkpoint(path)


def changed(**changes: object) -> State:
    state: State = dict(NET.state_dict())
    for key, value in changes.items():
        state.pop(key) if value is None else state.update({key: value})
    return state


@pytest.mark.parametrize(
    ("state", "message"),
    [
        (
            changed(**{"lstm.linear.bias": None, "encoder.5.2.weight": None}),
            r"got missing: encoder\.5\.2\.weight, lstm\.linear\.bias, expected .* 2 channels",
        ),
        (changed(**{"mask.bias": torch.zeros(1)}), r"got unexpected: mask\.bias, expected"),
        (
            changed(**{"decoder.0.0.weight": torch.zeros(128, 64, 1)}),
            r"of another shape: decoder\.0\.0\.weight \[128, 64, 1\] instead of \[128, 64, 3\]",
        ),
        (changed(**{"encoder.0.0.weight": torch.zeros(())}), r"encoder\.0\.0\.weight \[\] instead"),
        ({"weight": torch.zeros(1)}, r"missing: encoder\.0\.0\.weight, .* and 46 more; unexpected"),
    ],
)  # fmt: skip
def test_missing_and_unexpected_weights_are_listed(state: State, message: str) -> None:
    with pytest.raises(WeightsError, match=message):
        demucs_of(state, "demucs.th")


@pytest.mark.parametrize("channels", [1, 3, 5])
def test_the_width_is_read_off_the_weights(channels: int) -> None:
    net = random_demucs(DemucsSpec(channels=channels), seed=0)
    found = demucs_of(net.state_dict(), "demucs.th")
    assert found.spec == DemucsSpec(channels=channels)
    assert all(torch.equal(a, b) for a, b in zip(found.parameters(), net.parameters(), strict=True))


@pytest.mark.parametrize("name", ["../demucs.onnx", "demucs.th", "/demucs.onnx", "demucs"])
def test_a_name_outside_the_folder_or_of_another_kind_is_refused(
    checkpoint: Path, tmp_path: Path, name: str
) -> None:
    with pytest.raises(WeightsError, match="expected the name of a"):
        convert(checkpoint, tmp_path, name)


def test_a_float32_file_that_changed_is_not_quantised(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    convert(checkpoint, tmp_path, "demucs.onnx")
    with (tmp_path / "demucs.onnx").open("ab") as file:
        file.write(b"\0")
    assert main(["--int8", "demucs.onnx", "--folder", str(tmp_path)]) == 1
    assert "as in manifest.yaml" in capsys.readouterr().err
    assert main(["--int8", "none.onnx", "--folder", str(tmp_path)]) == 1
    assert "No such file" in capsys.readouterr().err
    assert not list(tmp_path.glob("*.int8.onnx"))


@pytest.mark.parametrize(
    "words", [["a.th"], ["--out", "a.onnx"], ["a.th", "--int8", "a.onnx"], [],
              ["a.th", "--out", "a.onnx", "--int8", "a.onnx"], ["--int8", "a.onnx", "--replace"],
              ["--int8", "a.onnx", "--source", "bass"], ["--source", "bass"]],
)  # fmt: skip
def test_half_a_command_is_refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(words)
    assert "give FILE and --out NAME.onnx" in capsys.readouterr().err


def test_the_folder_is_the_checkpoint_s_or_that_of_the_systems(
    checkpoint: Path, tmp_path: Path
) -> None:
    assert find_folder(checkpoint) == tmp_path
    (tmp_path / "manifest.yaml").unlink()
    assert find_folder(checkpoint) == MODELS / "weights"


def test_a_checkpoint_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "none.th"), "--out", "a.onnx", "--folder", str(tmp_path)]) == 1
    assert "none.th: got No such file" in capsys.readouterr().err
