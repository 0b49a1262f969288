"""A whole training in miniature: it learns, exports, stops, breaks and goes on."""

import errno
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile as sf
import torch
import yaml
from torch import Tensor

from mdx.errors import AudioError, ConfigError, NetworkError, OutputError, WeightsError
from mdx.estimators.spectrogram import check_layout
from mdx.machine import available_cpus
from mdx.runtimes.onnx import OnnxNetwork
from mdx.systems.spec import SAMPLE_RATE
from mdx.systems.weights import read_weights
from tests.training.miniature import CONFIG, V1, load, run, skip_export, write_songs
from training.hardware import Hardware
from training.module import SeparatorModule
from training.origin import Origin
from training.rounds import Rounds
from training.songs import find_songs
from training.validation import score_song

ROOT = Path(__file__).resolve().parents[2]
RICH = replace(CONFIG, accumulate=2, ema=0.5, optimizer="adam", schedule="one_cycle", clip=0.1)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_songs(tmp_path / "songs")
    return tmp_path


def test_training_learns_and_exports_what_it_scored(root: Path) -> None:
    config = replace(
        CONFIG, steps=120, validate_every=60, learning_rate=0.01, optimizer="adam",
        schedule="one_cycle",
    )  # fmt: skip
    best = run(root, config, origin=Origin("a test", "songs", "mini", "abc"))
    assert best > 6  # the mixture has -5
    entry = yaml.safe_load((root / "weights" / "manifest.yaml").read_text())["x/drums.onnx"]
    origin = {"made_by": "a test", "data": "songs", "config": "mini", "commit": "abc"}
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


KILLED = """
import os, signal, sys
from pathlib import Path
import pytest
from tests.training.miniature import run, skip_export
from tests.training.test_fit import RICH
from training.module import SeparatorModule

root, where = Path(sys.argv[1]), sys.argv[2]
skip_export(pytest.MonkeyPatch())
replace, step = os.replace, SeparatorModule.training_step
calls = {"step": 0, "write": 0}

def die(event, after):
    calls[event] += 1
    if f"{event} {calls[event]}" == where:
        os.kill(os.getpid(), signal.SIGKILL)

def training_step(self, batch):
    die("step", 0)
    return step(self, batch)

def replace_late(draft, path):
    die("write", 0)
    replace(draft, path)

SeparatorModule.training_step = training_step
os.replace = replace_late
run(root, RICH)
"""


# Before the first checkpoint, in the midst of a round, between best and last, in the last round.
@pytest.mark.parametrize("where", ["step 3", "step 7", "write 6"])
def test_a_killed_run_resumes_to_the_same_weights(
    root: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch,
    where: str,
) -> None:  # fmt: skip
    skip_export(monkeypatch)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, root, where], env=environment, check=False, timeout=120
    )
    assert killed.returncode == -signal.SIGKILL
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as the killed one: sums are in the same order
    try:
        best = run(root, RICH, resume=True)
        unbroken = tmp_path_factory.mktemp("unbroken")
        (unbroken / "songs").symlink_to(root / "songs")
        assert run(unbroken, RICH) == best
    finally:
        torch.set_num_threads(threads)
    for name in ("last.ckpt", "best.ckpt"):
        one, other = (load(folder / "run" / name) for folder in (root, unbroken))
        assert one["global_step"] == other["global_step"]
        for key in ("state_dict", "optimizer_states"):
            torch.testing.assert_close(one[key], other[key], rtol=0, atol=0)
        assert (one["lr_schedulers"], one["run"]) == (other["lr_schedulers"], other["run"])


def test_a_finished_run_resumes_to_nothing(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    skip_export(monkeypatch)
    best = run(root)
    before = load(root / "run" / "last.ckpt")["state_dict"]
    assert run(root, resume=True) == best
    after = load(root / "run" / "last.ckpt")["state_dict"]
    torch.testing.assert_close(after, before, rtol=0, atol=0)


def test_a_run_may_become_longer(
    root: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    skip_export(monkeypatch)
    longer = replace(CONFIG, steps=8)
    run(root, replace(CONFIG, steps=5))  # ends between two validations
    run(root, longer, resume=True)
    other = tmp_path_factory.mktemp("other")
    (other / "songs").symlink_to(root / "songs")
    run(other, longer)
    one, another = (load(folder / "run" / "last.ckpt") for folder in (root, other))
    assert one["global_step"] == another["global_step"] == 8
    torch.testing.assert_close(one["state_dict"], another["state_dict"], rtol=0, atol=0)


def test_a_run_is_not_begun_on_top_of_another(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    skip_export(monkeypatch)
    run(root, replace(CONFIG, steps=1))
    with pytest.raises(ConfigError, match=r"run: got the checkpoint of a run.*--resume"):
        run(root)


@pytest.mark.parametrize(
    ("other", "told"),
    [
        ({"config": V1}, "architecture tfc_tdf_v2, expected tfc_tdf_v1"),
        ({"config": replace(CONFIG, growth=5)}, "growth 4, expected 5"),
        ({"config": replace(CONFIG, data=replace(CONFIG.data, flip=True))}, "data.flip False"),
        ({"source": "bass"}, "source drums, expected bass"),
        ({"seed": 2}, "seed 1, expected 2"),
    ],
)
def test_the_checkpoint_of_another_run_is_refused(
    root: Path, monkeypatch: pytest.MonkeyPatch, other: dict[str, Any], told: str
) -> None:
    skip_export(monkeypatch)
    run(root, replace(CONFIG, steps=1))
    with pytest.raises(ConfigError, match=rf"last\.ckpt: got a checkpoint with {told}"):
        run(root, resume=True, **other)


class Shell:
    """What a pickle can do to its reader."""

    def __reduce__(self) -> tuple[object, ...]:
        return os.system, ("touch pwned",)


@pytest.mark.parametrize("damage", ["cut", "empty", "pickle", "other"])
def test_a_broken_checkpoint_is_refused(
    root: Path, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    skip_export(monkeypatch)
    monkeypatch.chdir(root)
    path = root / "run" / "last.ckpt"
    path.parent.mkdir()
    if damage == "pickle":
        torch.save({"run": Shell()}, path)
    else:
        torch.save({"weights": torch.zeros(1000)}, path)
        content = path.read_bytes()
        path.write_bytes({"cut": content[:-500], "empty": b"", "other": content}[damage])
    with pytest.raises(WeightsError, match=r"last\.ckpt: got .*expected a checkpoint"):
        run(root, resume=True)
    assert not (root / "pwned").exists()


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


def test_a_full_disk_keeps_the_checkpoint_before(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    skip_export(monkeypatch)
    written: Iterator[int] = iter(range(100))
    sync = os.fsync

    def fsync(file: int) -> None:
        if next(written) > 4:  # curve, state, best and last of the first round, the second's curve
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        sync(file)

    monkeypatch.setattr("mdx.files.os.fsync", fsync)
    with pytest.raises(OutputError, match="got No space left on device"):
        run(root)
    monkeypatch.undo()
    assert load(root / "run" / "last.ckpt")["global_step"] == 2
    assert sorted(path.name for path in (root / "run").iterdir()) == [
        "best.ckpt", "curve.csv", "last.ckpt", "logs",
    ]  # fmt: skip


def test_patience_ends_the_run_after_the_best(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    exported = skip_export(monkeypatch)
    scores = iter([1.0, 3.0, 2.0, 2.5, 9.0])
    monkeypatch.setattr("training.keep_best.score_song", lambda *_: {"drums": next(scores)})
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
    monkeypatch.setattr("training.keep_best.score_song", lambda *_: {"drums": next(scores)})
    run(root, replace(CONFIG, steps=5))
    assert exported == [1.0, 2.0, 3.0]
    assert load(root / "run" / "last.ckpt")["global_step"] == 5


def test_a_source_that_is_silent_everywhere_cannot_be_validated(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    skip_export(monkeypatch)
    song = find_songs(root / "songs")[-1]
    sf.write(song.path("drums"), np.zeros((song.samples, 2)), SAMPLE_RATE)
    with pytest.raises(AudioError, match="drums that is silent"):
        run(root)


@pytest.mark.parametrize("workers", [0, 1])
def test_a_song_that_breaks_is_named_whoever_reads_it(
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


def test_hardware_that_is_not_there_is_refused() -> None:
    with pytest.raises(
        ConfigError, match=rf"devices: got 999, expected at most {available_cpus()}"
    ):
        Hardware("cpu", devices=999)
    if not torch.cuda.is_available():
        with pytest.raises(ConfigError, match="at most 0, those there are; --accelerator cpu"):
            Hardware("gpu")
        assert Hardware("auto").kind == "cpu"
    wrong: list[dict[str, Any]] = [{"devices": -1}, {"nodes": -1}, {"workers": -1}]
    for values in wrong:
        with pytest.raises(ConfigError, match=rf"{next(iter(values))}: got -1"):
            Hardware("cpu", **values)
    with pytest.raises(ConfigError, match="resident: got 2 workers, 1 devices"):
        Hardware("cpu", workers=2, resident=True)
    with pytest.raises(ConfigError, match="4 examples for 3 processes"):
        Hardware("cpu", nodes=3).share(4)
    assert Hardware("cpu", nodes=2).share(4) == 2


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
