"""A training that starts from weights begins with them and never exports worse ones."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mdx.errors import ConfigError, WeightsError
from mdx.systems.spec import SOURCES
from mdx.systems.weights import read_weights
from tests.training.miniature import (
    CONFIG,
    V3,
    count_refused,
    load,
    run,
    skip_conversion,
    skip_export,
    write_songs,
)
from training.module import SeparatorModule
from training.warm_start import SCALE, read_state, write_state

EMA = replace(V3, ema=0.5)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_songs(tmp_path / "songs")
    return tmp_path


def state(tmp_path: Path) -> Path:
    """The weights of a network of EMA's size, with a scale of 5."""
    path = tmp_path / "all.state.npz"
    torch.manual_seed(3)
    write_state(path, SeparatorModule(EMA, scale=1.0).network, 5.0)
    return path


def test_a_round_begins_with_the_weights_and_their_scale(tmp_path: Path) -> None:
    path = state(tmp_path)
    module = SeparatorModule(EMA, scale=1.0)
    module.start_from(path)
    weights, scale = read_state(path, module.network)
    assert scale == module.scale.item() == 5.0
    torch.testing.assert_close(dict(module.network.state_dict()), weights, rtol=0, atol=0)
    torch.testing.assert_close(dict(module.trained().state_dict()), weights, rtol=0, atol=0)


def test_training_writes_the_weights_for_the_next_round(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    skip_conversion(monkeypatch)
    run(root, replace(EMA, steps=2, validate_every=2), name="x/all.onnx")
    saved = load(root / "run" / "best.ckpt")["state_dict"]
    module = SeparatorModule(EMA, scale=1.0)
    module.start_from(root / "weights" / "x" / "all.state.npz")
    for name, value in module.trained().state_dict().items():
        torch.testing.assert_close(value, saved[f"averaged.module.{name}"], rtol=0, atol=0)
    assert module.scale == saved["scale"]


def test_a_round_that_ends_worse_leaves_the_weights_alone(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = skip_export(monkeypatch)
    scores = iter([dict.fromkeys(SOURCES, score) for score in (3.0, 2.9)])
    monkeypatch.setattr("training.keep_best.score_song", lambda *_, **__: next(scores))
    config = replace(EMA, steps=1, validate_every=1)
    assert run(root, config, start=state(root)) == 3.0
    assert kept == []


def test_a_resumed_round_keeps_its_own_weights(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    skip_export(monkeypatch)
    config, start = replace(EMA, schedule="constant"), state(root)
    run(root, replace(config, steps=4), start=start, out=root / "whole")
    run(root, replace(config, steps=2), start=start)
    start.unlink()  # it is not read again
    run(root, replace(config, steps=4), start=start, resume=True)
    whole, parts = (load(root / name / "last.ckpt") for name in ("whole", "run"))
    assert whole["global_step"] == parts["global_step"] == 4
    torch.testing.assert_close(parts["state_dict"], whole["state_dict"], rtol=0, atol=0)


def test_weights_of_another_size_are_refused_in_one_line(tmp_path: Path) -> None:
    path = state(tmp_path)
    wider = SeparatorModule(replace(EMA, width=8), scale=1.0)
    with pytest.raises(ConfigError, match=r"all\.state\.npz: got .*weight: \[.*expected \["):
        wider.start_from(path)
    with pytest.raises(ConfigError, match="no such weights") as caught:
        SeparatorModule(CONFIG, scale=1.0).start_from(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"no zip", None])
def test_a_file_without_a_state_is_refused(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "x.state.npz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(WeightsError, match=r"x\.state\.npz: got .*, expected the \.state\.npz"):
        read_state(path, SeparatorModule(EMA, scale=1.0).network)


def test_a_damaged_state_is_refused(tmp_path: Path) -> None:
    path = state(tmp_path)
    network = SeparatorModule(EMA, scale=1.0).network
    refused = count_refused(path, lambda: read_state(path, network), damages=100)
    assert refused > 50  # a few bytes, such as dates, do not matter


@pytest.mark.parametrize(
    "arrays",
    [
        {},
        {SCALE: np.zeros(3)},
        {SCALE: np.float32(1), "weight": np.array(["a"])},
    ],
)
def test_numpy_files_of_other_things_are_refused(tmp_path: Path, arrays: dict[str, Any]) -> None:
    path = tmp_path / "x.npz"
    with path.open("wb") as file:
        if arrays:
            np.savez(file, allow_pickle=False, **arrays)
        else:  # a single array, without names
            np.save(file, np.zeros(3))
    with pytest.raises(WeightsError, match=r"expected the \.state\.npz"):
        read_state(path, SeparatorModule(EMA, scale=1.0).network)


def test_weights_without_a_scale_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    np.savez(path, weight=np.zeros(1))
    with pytest.raises(WeightsError, match=SCALE):
        read_state(path, SeparatorModule(EMA, scale=1.0).network)


def test_the_state_is_verified_by_the_manifest_like_the_network(root: Path) -> None:
    run(root, replace(EMA, steps=1, validate_every=1), name="x/all.onnx")
    assert read_weights(root / "weights", "x/all.state.npz")
