"""A whole training in miniature: it learns, validates, exports and reports."""

import logging
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile as sf
import yaml
from torch import Tensor

from mdx.errors import AudioError, NetworkError
from mdx.estimators.spectrogram import check_layout
from mdx.runtimes.onnx import OnnxNetwork
from mdx.systems.spec import SAMPLE_RATE
from mdx.systems.weights import read_weights
from tests.training.miniature import CONFIG, V1, load, run, skip_export
from training.curve import CURVE
from training.hardware import Hardware
from training.module import SeparatorModule
from training.origin import Origin
from training.rounds import Rounds
from training.songs import find_songs
from training.validation import score_song


def test_training_learns_and_exports_what_it_scored(root: Path) -> None:
    config = replace(
        CONFIG, steps=120, validate_every=60, learning_rate=0.01, optimizer="adam",
        schedule="one_cycle",
    )  # fmt: skip
    best = run(root, config, origin=Origin("a test", "songs", "Me, CC BY", "mini", "abc"))
    assert best > 6  # the mixture has -5
    entry = yaml.safe_load((root / "weights" / "manifest.yaml").read_text())["x/drums.onnx"]
    origin = {"made_by": "a test", "data": "songs", "attribution": "Me, CC BY", "config": "mini",
              "commit": "abc"}  # fmt: skip
    assert {key: entry[key] for key in origin} == origin
    assert entry["score"] == pytest.approx(best, abs=0.001)
    network = OnnxNetwork(read_weights(root / "weights", "x/drums.onnx"), "drums", threads=1)
    assert check_layout("x", network) == (96, 32)  # longer chunks than it was trained on
    song = find_songs(root / "songs")[-1]
    score = score_song(network, config.stft(config.frames), "drums", song)
    assert score["drums"] == pytest.approx(best, abs=0.001)
    assert list((root / "run" / "logs").glob("events.*"))


def test_the_first_network_is_exported_in_any_architecture(root: Path) -> None:
    config = replace(V1, steps=1, validate_every=1, precision="bf16-mixed")
    best = run(root, config)
    network = OnnxNetwork(read_weights(root / "weights", "x/drums.onnx"), "drums", threads=1)
    song = find_songs(root / "songs")[-1]
    score = score_song(network, config.stft(config.frames), "drums", song)
    assert score["drums"] == pytest.approx(best, abs=0.001)


def test_a_loss_of_nan_stops_the_run_and_keeps_the_last_checkpoint(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = skip_export(monkeypatch)
    step = SeparatorModule.training_step
    seen = []

    def training_step(self: SeparatorModule, batch: tuple[Tensor, Tensor]) -> Tensor:
        seen.append(self.global_step)
        return step(self, batch) * (float("nan") if len(seen) == 4 else 1)

    monkeypatch.setattr(SeparatorModule, "training_step", training_step)
    with pytest.raises(NetworkError, match="training, step 4: got a gradient of nan"):
        run(root)
    checkpoint = load(root / "run" / "last.ckpt")
    assert checkpoint["global_step"] == 2 and len(scores) == 1
    assert all(value.isfinite().all() for value in checkpoint["state_dict"].values())


def test_patience_ends_the_run_after_the_best(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    exported = skip_export(monkeypatch)
    scores = iter([1.0, 3.0, 2.0, 2.5, 9.0])
    monkeypatch.setattr("training.keep_best.score_song", lambda *_, **__: {"drums": next(scores)})
    config = replace(CONFIG, steps=5, validate_every=1, patience=2)
    assert run(root, config) == 3.0
    assert exported == [1.0, 3.0]
    assert load(root / "run" / "best.ckpt")["global_step"] == 2
    assert load(root / "run" / "last.ckpt")["global_step"] == 4
    assert run(root, config, resume=True) == 3.0  # it had its time
    assert load(root / "run" / "last.ckpt")["global_step"] == 4
    assert run(root, replace(config, patience=3), resume=True) == 9.0


def test_the_last_steps_are_validated_too(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    exported = skip_export(monkeypatch)
    scores = iter([1.0, 2.0, 3.0])
    monkeypatch.setattr("training.keep_best.score_song", lambda *_, **__: {"drums": next(scores)})
    run(root, replace(CONFIG, steps=5))
    assert exported == [1.0, 2.0, 3.0]
    assert load(root / "run" / "last.ckpt")["global_step"] == 5


def test_a_source_that_is_silent_everywhere_cannot_be_validated(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    skip_export(monkeypatch)
    song = find_songs(root / "songs")[-1]
    sf.write(song.path("drums"), np.zeros((song.samples, 2)), SAMPLE_RATE)
    monkeypatch.setattr("training.fit.SeparatorModule", None)  # it is noticed before the first step
    with pytest.raises(AudioError, match="drums that is silent in all 1, expected"):
        run(root)


def test_the_loss_of_a_step_of_several_batches_is_their_mean(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    skip_export(monkeypatch)
    monkeypatch.setattr("training.report.EVERY", 1)
    losses = {}
    for parts in (1, 4):
        config = replace(CONFIG, steps=1, batch=8 // parts, accumulate=parts)
        run(root, config, out=root / f"run {parts}")
        _, first, *_ = (root / f"run {parts}" / CURVE).read_text().splitlines()
        assert first.startswith("1,loss,")
        losses[parts] = float(first.rpartition(",")[2])
    assert losses[4] == pytest.approx(losses[1], rel=0.3)  # not a quarter of it


@pytest.mark.parametrize("workers", [0, 1])
def test_a_broken_song_is_named_in_any_process(
    root: Path, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    skip_export(monkeypatch)
    monkeypatch.setattr("training.fit.SCALE_FROM", 1)
    for song in find_songs(root / "songs")[:2]:
        for source in ("bass", "vocals"):
            noise = np.random.default_rng(0).uniform(-0.1, 0.1, (song.samples, 2))
            noise[4000:] = np.nan
            sf.write(song.path(source), noise, SAMPLE_RATE, subtype="FLOAT")
    with pytest.raises(AudioError, match=r"(bass|vocals)\.wav: got NaN") as caught:
        run(root, replace(CONFIG, steps=20), hardware=Hardware("cpu", workers=workers))
    assert "\n" not in str(caught.value)


def test_a_step_sees_the_same_examples_however_many_share_it() -> None:
    def steps(world: int, step: int) -> list[set[int]]:
        shares = []
        for rank in range(world):
            trainer = SimpleNamespace(global_step=step, global_rank=rank, world_size=world)
            rounds = Rounds(trainer, batch=12, steps=3)  # type: ignore[arg-type]
            indices = list(rounds)
            assert len(indices) == len(rounds)
            size = 12 // world
            shares.append([indices[start : start + size] for start in range(0, 3 * size, size)])
        return [set().union(*parts) for parts in zip(*shares, strict=True)]

    expected = [set(range(12 * step, 12 * step + 12)) for step in (6, 7, 8)]
    assert steps(1, 6) == steps(2, 6) == steps(4, 6) == expected
    assert Rounds(SimpleNamespace(), batch=12, steps=3).examples(7) == 108  # type: ignore[arg-type]


def test_the_log_tells_of_this_run_only(
    root: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    skip_export(monkeypatch)
    monkeypatch.setattr("training.report.EVERY", 3)
    with caplog.at_level(logging.INFO):
        run(root, hardware=Hardware("cpu", workers=1))
    assert {record.name.split(".")[0] for record in caplog.records} == {"training"}
    lines = [record.getMessage() for record in caplog.records]
    assert [line.split(": ")[0] for line in lines if "loss" in line] == [
        "drums step 3 of 6", "drums step 6 of 6",
    ]  # fmt: skip
    assert sum("SDR" in line for line in lines) == 3
    assert capfd.readouterr() == ("", "")
