"""Configurations as files: what may be left out, and errors in one line."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from mdx.errors import ConfigError
from mdx.systems.spec import SOURCES
from models.tfc_tdf_v3 import TfcTdfV3Spec
from training.config import (
    CONFIGS,
    SEPARATOR_CHOICES,
    read_config,
    read_mixer_config,
)
from training.data_config import DataConfig

TINY = {
    "architecture": "tfc_tdf_v2", "n_fft": 256, "hop": 64, "dim_f": 96, "train_frames": 16,
    "frames": 32, "n_blocks": 5, "n_layers": 1, "growth": 4, "bottleneck": 8, "steps": 20,
    "batch": 4, "learning_rate": 0.01,
}  # fmt: skip


def write(path: Path, **keys: Any) -> str:
    """Write a configuration of tiny networks, with some top-level keys replaced."""
    values: dict[str, Any] = {"shared": TINY, **{source: {} for source in SOURCES}, **keys}
    path.write_text(yaml.safe_dump(values))
    return str(path)


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.yaml")), ids=lambda path: path.stem)
def test_a_path_is_read_as_a_name_is(path: Path) -> None:
    assert read_config(str(path)) == read_config(path.stem)
    assert read_mixer_config(str(path)) == read_mixer_config(path.stem)


@pytest.mark.parametrize(("architecture", "dim_f"), [("tfc_tdf_v2", 96), ("tfc_tdf_v1", 97)])
def test_a_network_gives_what_it_takes(tmp_path: Path, architecture: str, dim_f: int) -> None:
    shared = {**TINY, "architecture": architecture, "dim_f": dim_f}
    config = read_config(write(tmp_path / "mine.yaml", shared=shared))["drums"]
    x = torch.randn(2, 4, dim_f, 8)
    assert config.build()(x).shape == x.shape


def test_a_source_overrides_what_is_shared(tmp_path: Path) -> None:
    shared = {**TINY, "data": {"gain_db": 3.0, "swap": False}}
    bass = {"steps": 7, "data": {"swap": True, "flip": True}}
    configs = read_config(write(tmp_path / "mine.yml", shared=shared, bass=bass))
    assert configs["drums"].data == DataConfig(gain_db=3.0, swap=False)
    assert configs["bass"].data == DataConfig(gain_db=3.0, swap=True, flip=True)
    assert configs["bass"] == replace(configs["drums"], steps=7, data=configs["bass"].data)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"colour": 1}, "separator: got unknown key 'colour'"),
        ({"architecture": "unet"}, "got 'unet', expected one of tfc_tdf_v2, tfc_tdf_v1"),
        ({"loss": "l3"}, "loss: got 'l3', expected one of l1, mse"),
        ({"optimizer": "sgd"}, "optimizer: got 'sgd', expected one of rmsprop, adam"),
        ({"schedule": "step"}, "schedule: got 'step', expected one of constant, one_cycle"),
        ({"precision": "fp8"}, "precision: got 'fp8', expected one of 32-true, bf16-mixed"),
        ({"steps": 0}, "steps: got 0, expected at least 1"),
        ({"steps": "1e-4"}, "steps: got '1e-4', expected of type int"),
        ({"batch": -1}, "batch: got -1, expected at least 1"),
        ({"validate_every": 0}, "validate_every: got 0, expected at least 1"),
        ({"accumulate": 0}, "accumulate: got 0, expected at least 1"),
        ({"n_blocks": -1}, "n_blocks: got -1, expected at least 1"),
        ({"learning_rate": 0.0}, "learning_rate: got 0.0, expected a number above 0"),
        ({"learning_rate": float("nan")}, "learning_rate: got nan"),
        ({"clip": -1.0}, "clip: got -1.0, expected 0 or more"),
        ({"ema": 1.0}, "ema: got 1.0, expected 0 or more, below 1"),
        ({"patience": -1}, "patience: got -1, expected 0 or more"),
        ({"frames": 30}, "frames: got 30, expected a multiple of 4"),
        ({"train_frames": 4}, "STFT: got 4 frames of hop 64"),
        ({"n_blocks": 4}, "TFC-TDF-U-Net: got 4 blocks"),
        ({"architecture": "tfc_tdf_v1"}, "TFC-TDF-U-Net v1: got dim_f 96"),
        ({"dim_f": 144}, "STFT: got dim_f 144"),
        ({"data": 3}, "data: got 3, expected a mapping"),
        ({"data": {"louder": 1.0}}, "data: got unknown key 'louder'"),
        ({"data": {"swap": 1}}, "data: swap: got 1, expected of type bool"),
        ({"data": {"gain_db": -1.0}}, "data: gain_db: got -1.0, expected 0 or more"),
        ({"data": {"semitones": float("inf")}}, "data: semitones: got inf"),
        ({"data": {"whole_song": 1.1}}, "data: whole_song: got 1.1, expected 0 to 1"),
        ({"data": {"keep_quiet": 2.0}}, "data: keep_quiet: got 2.0, expected 0 to 1"),
        ({"data": {"treble": {"piano": [0, 1]}}}, "data: treble: got {'piano': [0, 1]}, expected"),
        ({"data": {"treble": {"bass": [1, 0]}}}, "from and to in dB, for some of bass, drums"),
        ({"data": {"treble": {"bass": 3}}}, "data: treble: got {'bass': 3}, expected from and to"),
        ({"data": {"bells": -1}}, "data: bells: got -1, expected 0 or more"),
        ({"data": {"width": 1}}, "data: width: got 1, expected from and to, 0 or more"),
        ({"data": {"width": [-1, 1]}}, "data: width: got [-1, 1], expected from and to, 0 or more"),
        ({"data": {"layers": {"other": 2}}}, "data: layers: got {'other': 2}, expected shares"),
        ({"data": {"layers": ["other"]}}, "data: layers: got ['other'], expected shares from 0"),
        ({"data": {"treble": 3}}, "data: treble: got 3, expected from and to in dB"),
        ({"data": {"speed": 1.0}}, "data: speed: got 1.0, expected 0 or more, below 1"),
        ({"data": {"quiet": -1.0}}, "data: quiet: got -1.0, expected 0 or more"),
        ({"weight_decay": -1.0}, "weight_decay: got -1.0, expected 0 or more"),
        ({"held_out": 0}, "held_out: got 0, expected at least 1"),
        ({"width": 8}, "width: got 8, expected no such key with tfc_tdf_v2"),
        ({"data": {"stretch": 1.0}}, "data: stretch: got 1.0, expected 0 or more, below 1"),
        (None, "separator: got None, expected a mapping"),
    ],
)
def test_wrong_values_are_named(tmp_path: Path, values: object, message: str) -> None:
    name = write(tmp_path / "mine.yaml", other=values)
    with pytest.raises(ConfigError) as caught:
        read_config(name)
    assert str(caught.value).startswith(f"{name}: other: ") and message in str(caught.value)


def test_a_key_that_no_source_may_leave_out_is_named(tmp_path: Path) -> None:
    shared = {key: value for key, value in TINY.items() if key != "steps"}
    with pytest.raises(ConfigError, match=r"mine\.yaml: bass: separator: got .*'steps'"):
        read_config(write(tmp_path / "mine.yaml", shared=shared))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"method": "adam"}, "mixer: method: got 'adam', expected one of least_squares, rmsprop"),
        ({"learning_rate": -0.1}, "mixer: learning_rate: got -0.1, expected a number above 0"),
        ({"epochs": 0}, "mixer: epochs: got 0, expected at least 1"),
        ({"ridge": -1.0}, "mixer: ridge: got -1.0, expected 0 or a number above"),
        ({"epoch": 1}, "mixer: got unknown key 'epoch'"),
        (None, "mixer: got NoneType, expected a mapping"),
    ],
)
def test_wrong_mixers_are_named(tmp_path: Path, values: object, message: str) -> None:
    name = write(tmp_path / "mine.yaml", mixer=values)
    with pytest.raises(ConfigError) as caught:
        read_mixer_config(name)
    assert str(caught.value).startswith(f"{name}: {message}")


WIDE = {
    "architecture": "tfc_tdf_v3", "width": 6, "subbands": 2, "bottleneck": 4, "norm": "batch",
    "activation": "relu",
}  # fmt: skip


def test_one_network_for_all_sources(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump({"shared": {**TINY, **WIDE}, "all": {"steps": 3}}))
    configs = read_config(str(path))
    assert list(configs) == ["all"]
    assert (configs["all"].sources, configs["all"].steps) == (4, 3)
    network = configs["all"].build()
    assert network(torch.zeros(1, 4, 96, 16)).shape == (1, 4, 4, 96, 16)
    assert configs["all"].size() == TfcTdfV3Spec(
        dim_f=96, n_blocks=5, n_layers=1, growth=4, bottleneck=4, width=6, subbands=2,
        norm="batch", activation="relu", sources=4,
    )  # fmt: skip


def test_a_network_of_v3_may_make_one_source(tmp_path: Path) -> None:
    name = write(tmp_path / "mine.yaml", shared={**TINY, **WIDE})
    assert read_config(name)["bass"].build()(torch.zeros(1, 4, 96, 16)).shape == (1, 4, 96, 16)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"shared": TINY, "all": {}}, "sources: got 4, expected 1 with tfc_tdf_v2"),
        ({"shared": {**TINY, "norm": "batch"}, "all": {}}, "sources: got 4"),
        ({"shared": {**TINY, **WIDE, "norm": "x"}, "all": {}}, "got 'x', expected one of instance"),
        ({"shared": TINY, "all": {}, "bass": {}}, "expected the keys shared, bass, drums, other"),
        ({"all": {}}, "expected the keys shared"),
    ],
)
def test_wrong_networks_for_all_are_named(tmp_path: Path, values: object, message: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(values))
    with pytest.raises(ConfigError) as caught:
        read_config(str(path))
    assert str(caught.value).startswith(str(path)) and message in str(caught.value)


@pytest.mark.parametrize("key", ["architecture", "loss", "optimizer", "schedule", "precision"])
def test_an_unknown_name_lists_the_known_ones(tmp_path: Path, key: str) -> None:
    name = write(tmp_path / "mine.yaml", other={key: "nosuch"})
    known = ", ".join(SEPARATOR_CHOICES[key])
    with pytest.raises(ConfigError, match=f"{key}: got 'nosuch', expected one of {known}"):
        read_config(name)


@pytest.mark.parametrize("read", [read_config, read_mixer_config])
def test_wrong_files_are_named(tmp_path: Path, read: Any) -> None:
    with pytest.raises(
        ConfigError, match="'nosuch', expected one of demo, gpu, paper, synthetic, "
    ):
        read("nosuch")
    with pytest.raises(ConfigError, match=r"nosuch\.yaml: got No such file"):
        read(str(tmp_path / "nosuch.yaml"))
    with pytest.raises(ConfigError, match=r"mine\.yaml: got .*'piano'.*expected the keys shared"):
        read(write(tmp_path / "mine.yaml", piano={}))
