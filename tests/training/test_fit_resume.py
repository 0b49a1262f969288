"""A training that is killed, interrupted or broken, and continues."""

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from mdx.errors import ConfigError, OutputError, WeightsError
from tests.training.miniature import CONFIG, V1, count_refused, load, run, skip_export
from training.checkpoints import check_run, describe_run

ROOT = Path(__file__).resolve().parents[2]
RICH = replace(CONFIG, accumulate=2, ema=0.5, optimizer="adam", schedule="one_cycle", clip=0.1)
KILLED = """
import os, signal, sys
from pathlib import Path
import pytest
from tests.training.miniature import run, skip_export
from tests.training.test_fit_resume import RICH
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


# Before the first checkpoint, within a round, and in the last round between best and last.
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
    last = root / "run" / "last.ckpt"
    before, written = load(last)["state_dict"], last.stat().st_mtime_ns
    assert run(root, resume=True) == best
    assert last.stat().st_mtime_ns == written  # no step was made again
    torch.testing.assert_close(load(last)["state_dict"], before, rtol=0, atol=0)


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


@pytest.mark.parametrize("more", [False, True])
def test_the_best_network_is_measured_anew_on_other_songs_for_validation(
    root: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, more: bool
) -> None:
    exported = skip_export(monkeypatch)
    run(root)
    state = load(root / "run" / "last.ckpt")
    state["callbacks"]["KeepBest"]["best"] = 50.0  # as on songs that are easy
    torch.save(state, root / "run" / "last.ckpt")
    if more:
        (root / "songs" / "song 2").rename(root / "songs" / "song 9")
    exported.clear()
    caplog.set_level("INFO")
    best = run(root, replace(CONFIG, steps=8), resume=True)
    told = [line for line in caplog.messages if "other songs for validation" in line]
    assert len(told) == more
    assert best < 1 if more else best == 50
    if more:
        assert bool(exported) == (best > float(told[0].split()[-2]))


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


def test_a_run_stays_with_its_data_sets(tmp_path: Path) -> None:
    run = {name: describe_run(CONFIG, "bass", 0, name) for name in ("ours", "theirs")}
    torch.save({"run": run["ours"]}, tmp_path / "x.ckpt")
    check_run(tmp_path / "x.ckpt", run["ours"])
    with pytest.raises(ConfigError, match="got a checkpoint with songs ours, expected theirs"):
        check_run(tmp_path / "x.ckpt", run["theirs"])
    more = describe_run(CONFIG, "bass", 0, "ours: 700 songs")
    torch.save({"run": describe_run(CONFIG, "bass", 0, "ours: 600 songs")}, tmp_path / "x.ckpt")
    check_run(tmp_path / "x.ckpt", more)  # there may be more songs than before
    old = {key: value for key, value in run["ours"].items() if key != "songs"}
    torch.save({"run": old}, tmp_path / "x.ckpt")
    check_run(tmp_path / "x.ckpt", run["theirs"])  # from before there was this key


def test_keys_that_a_checkpoint_does_not_know_have_their_defaults(tmp_path: Path) -> None:
    listed = replace(CONFIG, data=replace(CONFIG.data, width=[1.0, 1.0]))
    run = describe_run(listed, "bass", 0, "ours")
    old = {key: value for key, value in run.items() if key not in ("data.bells", "data.width")}
    torch.save({"run": old}, tmp_path / "x.ckpt")
    check_run(tmp_path / "x.ckpt", run)
    other = describe_run(replace(CONFIG, data=replace(CONFIG.data, bells=3.0)), "bass", 0, "ours")
    with pytest.raises(ConfigError, match=r"with data\.bells 0\.0, expected 3\.0"):
        check_run(tmp_path / "x.ckpt", other)


class Shell:
    """What a pickle can do to its reader."""

    def __reduce__(self) -> tuple[object, ...]:
        return os.system, ("touch pwned",)


@pytest.mark.parametrize("content", [torch.zeros(3), [1], 5, {"run": 5}, {"run": {1: 2}}])
def test_a_file_of_other_things_is_no_checkpoint(tmp_path: Path, content: object) -> None:
    torch.save(content, tmp_path / "x.ckpt")
    with pytest.raises(WeightsError, match=r"x\.ckpt: got .*expected a checkpoint of a training"):
        check_run(tmp_path / "x.ckpt", {"seed": 1})


def test_a_damaged_checkpoint_is_one_error(tmp_path: Path) -> None:
    path = tmp_path / "x.ckpt"
    torch.save({"run": {"seed": 1}}, path)
    refused = count_refused(path, lambda: check_run(path, {"seed": 1}), damages=200)
    assert refused > 20  # most bytes of so small a file are padding


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
        "best.ckpt", "curve.csv", "last.ckpt", "logs", "weights-file",
    ]  # fmt: skip
