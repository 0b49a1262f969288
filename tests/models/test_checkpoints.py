"""Released checkpoints: those that are read, and errors for others."""

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from mdx.errors import WeightsError
from models.checkpoints.load import network_of
from models.checkpoints.read import read_checkpoint
from models.demucs_v2.network import DemucsSpec, random_demucs
from models.open_unmix import OpenUnmix, OpenUnmixSpec
from models.random_weights import randomise
from models.x_umx import XUmx, XUmxSpec

UMX_SPEC = OpenUnmixSpec(dim_f=9, bins_read=6, hidden=8, lstm_layers=2)
UMX = randomise(OpenUnmix(UMX_SPEC), seed=0)
X_UMX_SPEC = XUmxSpec(dim_f=9, bins_read=6, hidden=8, lstm_layers=2)
X_UMX = randomise(XUmx(X_UMX_SPEC), seed=1)


def saved(folder: Path, content: object) -> Path:
    path = folder / "checkpoint.pth"
    torch.save(content, path)
    return path


def same(one: torch.nn.Module, other: torch.nn.Module) -> bool:
    states = one.state_dict(), other.state_dict()
    return states[0].keys() == states[1].keys() and all(
        torch.equal(value, states[1][name]) for name, value in states[0].items()
    )


@pytest.mark.parametrize("zipped", [True, False])  # files of 2019 are no zips
def test_open_unmix_as_released(tmp_path: Path, zipped: bool) -> None:
    state = {
        **UMX.state_dict(),
        "stft.window": torch.hann_window(16),
        "transform.0.window": torch.hann_window(16),
        "sample_rate": torch.tensor(44100.0),
    }
    path = tmp_path / "umx.pth"
    torch.save(state, path, _use_new_zipfile_serialization=zipped)
    assert same(network_of(read_checkpoint(path), path, "open_unmix", UMX_SPEC), UMX)


def test_x_umx_as_released(tmp_path: Path) -> None:
    windows = {f"{end}.window": torch.hann_window(16) for end in ("encoder.0", "decoder")}
    content = {
        "model_name": "XUMX",
        "state_dict": {**X_UMX.state_dict(), **windows},
        "model_args": {"max_bin": np.int64(1487), "scale": np.float64(1.5)},
        "infos": {"software_versions": {"torch_version": "1.8"}},
    }
    found = read_checkpoint(saved(tmp_path, content))
    assert same(network_of(found, "x.pth", "x_umx", X_UMX_SPEC), X_UMX)


def test_names_of_data_parallel_and_half_precision(tmp_path: Path) -> None:
    state = {
        f"module.{name}": value.half() if value.is_floating_point() else value
        for name, value in UMX.state_dict().items()
    }
    found = read_checkpoint(saved(tmp_path, state))
    assert found["fc1.weight"].dtype == torch.float32
    network_of(found, "umx.pth", "open_unmix", UMX_SPEC)


def test_counts_of_batches_are_not_needed() -> None:
    state = {
        name: value
        for name, value in UMX.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }
    assert same(network_of(state, "umx.pth", "open_unmix", UMX_SPEC), UMX)


def test_classes_of_old_training_scripts_are_stood_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = "pytorch_lightning.utilities.parsing"
    names = [package.rsplit(".", count)[0] for count in (2, 1, 0)]
    for name in names:
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    hparams = type("AttributeDict", (dict,), {"__module__": package})
    setattr(sys.modules[package], "AttributeDict", hparams)  # noqa: B010
    content = {"hyper_parameters": hparams(lr=1e-3), "state_dict": UMX.state_dict()}
    path = saved(tmp_path, content)
    for name in names:
        monkeypatch.delitem(sys.modules, name)
    assert same(network_of(read_checkpoint(path), path, "open_unmix", UMX_SPEC), UMX)


def touch(path: Path) -> None:
    path.touch()


class Payload:
    """A malicious pickle: loading it would create a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[[Path], None], tuple[Path]]:
        return touch, (self.path,)


def test_no_code_of_a_pickle_is_run(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    path = saved(tmp_path, {"state_dict": UMX.state_dict(), "epoch": Payload(trace)})
    with pytest.raises(WeightsError, match=r"which could run code, expected .* it was not run"):
        read_checkpoint(path)
    assert not trace.exists()


@pytest.mark.parametrize(
    ("content", "got"),
    [
        ([torch.zeros(1)], "a list"),
        ({}, "an empty dict"),
        ({"state_dict": {}}, "an empty dict"),
        ({"state_dict": {"a": torch.zeros(1), "b": 5}}, "b"),
        ({"a": torch.zeros(1, dtype=torch.complex64)}, "a"),
        ({0: torch.zeros(1)}, "0"),
    ],
)
def test_a_file_that_is_not_a_checkpoint_is_named(
    tmp_path: Path, content: object, got: str
) -> None:
    with pytest.raises(WeightsError, match=rf"checkpoint\.pth: got {got},? expected a checkpoint"):
        read_checkpoint(saved(tmp_path, content))


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut off", b"no pickle at all" * 100])
def test_a_file_that_is_not_a_checkpoint_is_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "noise.pth"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=r"noise\.pth: got .* expected a checkpoint") as caught:
        read_checkpoint(path)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="got No such file"):
        read_checkpoint(tmp_path / "none.pth")


def changed(**changes: torch.Tensor | None) -> dict[str, Any]:
    state: dict[str, Any] = dict(UMX.state_dict())
    for name, value in changes.items():
        if value is None:
            del state[name]
        else:
            state[name] = value
    return state


@pytest.mark.parametrize(
    ("state", "message"),
    [
        (changed(**{"fc2.weight": None}), r"got missing: fc2\.weight, expected Open-Unmix of"),
        (changed(**{"fc4.weight": torch.zeros(1)}), r"got unexpected: fc4\.weight, expected"),
        (
            changed(**{"fc2.weight": torch.zeros(8, 8)}),
            r"of another shape: fc2\.weight \[8, 8\] instead of \[8, 16\]",
        ),
        ({"weight": torch.zeros(1)}, r"got missing: .* and 15 more; unexpected: weight"),
    ],
)
def test_missing_and_unexpected_weights_are_listed(state: dict[str, Any], message: str) -> None:
    with pytest.raises(WeightsError, match=message):
        network_of(state, "umx.pth", "open_unmix", UMX_SPEC)


def test_another_system_is_named() -> None:
    with pytest.raises(WeightsError, match="got X-UMX, expected Open-Unmix"):
        network_of(X_UMX.state_dict(), "x.pth", "open_unmix")
    with pytest.raises(WeightsError, match="got Open-Unmix, expected X-UMX"):
        network_of(UMX.state_dict(), "umx.pth", "x_umx")
    demucs = random_demucs(DemucsSpec(channels=1), seed=0).state_dict()
    with pytest.raises(WeightsError, match="got Demucs-v2, expected Open-Unmix"):
        network_of(demucs, "demucs.th", "open_unmix")
    dense = {"net.full.encoder.net.0.dense_block.net.0.conv2d.weight": torch.zeros(1)}
    with pytest.raises(WeightsError, match="got MMDenseNet or MMDenseLSTM, expected X-UMX"):
        network_of(dense, "vocals.pth", "x_umx")


def test_another_size_is_named() -> None:
    with pytest.raises(WeightsError, match=r"of dim_f 9, .* hidden 8, .* expected .* hidden 512,"):
        network_of(UMX.state_dict(), "umx.pth", "open_unmix")
