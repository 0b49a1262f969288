"""The training commands, and the manifest's entries for their results."""

import signal
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from mdx.systems.manifest import MANIFEST, register_weights
from mdx.systems.weights import read_weights
from models.mixer import Mixer
from tests.training.miniature import CONFIG, V3, load, skip_conversion, write_songs
from training import rules
from training.__main__ import main
from training.config import MixerConfig
from training.module import SeparatorModule
from training.origin import git_commit

ONE_STEP = replace(CONFIG, steps=1, learning_rate=0.003)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of songs, with a folder for the results."""
    write_songs(tmp_path / "songs")
    monkeypatch.setattr("training.__main__.MODELS", tmp_path)
    monkeypatch.setattr("training.__main__.read_config", lambda name: {"bass": ONE_STEP})
    monkeypatch.chdir(tmp_path)
    threads = torch.get_num_threads()
    yield tmp_path
    torch.set_num_threads(threads)


def test_the_command_exports_registers_and_says_how(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["separator", "--source", "bass", "--data", "songs", "--out", "x", "--threads", "1"]
    assert main(command) == 0
    assert read_weights(folder / "weights", "x/bass.onnx")
    entry = yaml.safe_load((folder / "weights" / MANIFEST).read_text())["x/bass.onnx"]
    assert entry["made_by"] == f"python -m training {' '.join(command)}"
    assert (entry["data"], entry["config"]) == ("songs: 3 songs", "demo")
    assert entry.get("commit") == git_commit() and "score" in entry
    checkpoint = load(folder / "out/training/x/bass/last.ckpt")
    assert checkpoint["global_step"] == 1
    # A second run would overwrite it.
    assert main(command) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: out/training/x/bass: got the checkpoint of a run")


def test_weights_that_are_there_are_replaced_only_if_told(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    skip_conversion(monkeypatch)
    command = ["separator", "--source", "bass", "--data", "songs", "--out", "x", "--threads", "1"]
    there = folder / "weights" / "x" / "bass.onnx"
    there.parent.mkdir(parents=True)
    there.write_bytes(b"somebody's")
    for options in ([], ["--resume"]):  # there is nothing to resume
        assert main([*command, *options]) == 1
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith(f"error: {there}: got weights") and "--replace" in line
        assert there.read_bytes() == b"somebody's"
    assert main([*command, "--replace"]) == 0
    assert there.read_bytes() == b"a network"
    assert main([*command, "--resume"]) == 0  # its own


def test_a_run_does_not_replace_weights_of_another_place(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    skip_conversion(monkeypatch)
    command = ["separator", "--source", "bass", "--data", "songs", "--out", "x", "--threads", "1"]
    assert main([*command, "--weights", "mine"]) == 0
    there = folder / "weights" / "x" / "bass.onnx"
    there.parent.mkdir(parents=True)
    there.write_bytes(b"the shipped one")
    assert main([*command, "--resume"]) == 1  # without --weights
    assert "got weights that are there already" in capsys.readouterr().err
    assert there.read_bytes() == b"the shipped one"
    assert main([*command, "--resume", "--weights", "mine"]) == 0


def test_ctrl_c_says_how_to_go_on(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    skip_conversion(monkeypatch)
    longer = replace(ONE_STEP, schedule="constant")
    monkeypatch.setattr("training.__main__.read_config", lambda name: {"bass": longer})
    command = ["separator", "--source", "bass", "--data", "songs", "--out", "x", "--threads", "1"]
    step, handler = SeparatorModule.training_step, signal.getsignal(signal.SIGINT)
    monkeypatch.setattr(SeparatorModule, "training_step", interrupt)
    assert main(command) == 130
    assert signal.getsignal(signal.SIGINT) is handler
    assert capsys.readouterr().err.splitlines()[-1] == "interrupted"  # nothing is kept yet
    monkeypatch.setattr(SeparatorModule, "training_step", step)
    assert main(command) == 0
    longer = replace(longer, steps=2)
    monkeypatch.setattr(SeparatorModule, "training_step", interrupt)
    assert main([*command, "--resume"]) == 130
    assert capsys.readouterr().err.endswith(
        "interrupted: the last checkpoint is kept, and --resume continues from it\n"
    )


def test_a_second_round_starts_from_the_weights_of_the_first(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    skip_conversion(monkeypatch)
    config = replace(V3, steps=1, validate_every=1)
    monkeypatch.setattr("training.__main__.read_config", lambda name: {"all": config})
    command = ["separator", "--source", "all", "--data", "songs", "--threads", "1", "--out"]
    assert main([*command, "one"]) == 0
    state = folder / "weights" / "one" / "all.state.npz"
    assert main([*command, "two", "--from", str(state)]) == 0
    state.write_bytes(b"")
    assert main([*command, "three", "--from", str(state)]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"error: {state}: got ")


def test_a_checkpoint_is_released_as_the_training_exported_it(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    common = ["--source", "bass", "--data", "songs", "--out"]
    assert main(["separator", *common, "one", "--threads", "1"]) == 0
    checkpoint = str(folder / "out/training/one/bass/best.ckpt")
    command = ["release", *common, "two", "--checkpoint", checkpoint]
    assert main(command) == 0
    one, two = (read_weights(folder / "weights", f"{name}/bass.onnx") for name in ("one", "two"))
    assert one == two
    entries = yaml.safe_load((folder / "weights" / MANIFEST).read_text())
    assert entries["two/bass.onnx"]["made_by"] == f"python -m training {' '.join(command)}"
    assert entries["two/bass.onnx"]["score"] == entries["one/bass.onnx"]["score"]
    assert "two/bass.state.npz" in entries
    assert main([*command, "--seed", "2", "--replace"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "got a checkpoint with seed 1, expected 2" in line


def test_a_network_that_is_not_the_best_is_released_without_a_score(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    skip_conversion(monkeypatch)
    scores = iter([2.0, 1.0])
    monkeypatch.setattr("training.keep_best.score_song", lambda *_, **__: {"bass": next(scores)})
    config = replace(CONFIG, steps=2, validate_every=1)
    monkeypatch.setattr("training.__main__.read_config", lambda name: {"bass": config})
    common = ["--source", "bass", "--data", "songs", "--out"]
    assert main(["separator", *common, "run", "--threads", "1"]) == 0
    for name in ("best", "last"):
        checkpoint = str(folder / f"out/training/run/bass/{name}.ckpt")
        assert main(["release", *common, name, "--checkpoint", checkpoint]) == 0
    entries = yaml.safe_load((folder / "weights" / MANIFEST).read_text())
    assert entries["best/bass.onnx"]["score"] == 2.0
    assert "score" not in entries["last/bass.onnx"]


def test_a_source_that_the_configuration_lacks_is_named(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["separator", "--source", "all", "--data", "songs"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line == "error: --source: got all, expected of demo: bass"


@pytest.mark.parametrize(
    ("fast", "asked", "expected"),
    [
        (True, ["--precision", "auto"], "bf16-mixed"),
        (False, ["--precision", "auto"], "32-true"),
        (True, [], "32-true"),
        (False, ["--precision", "bf16-mixed"], "bf16-mixed"),
    ],
)
def test_precision_is_the_machine_s_where_it_is_left_to_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch, fast: bool, asked: list[str], expected: str
) -> None:
    skip_conversion(monkeypatch)
    monkeypatch.setattr("training.hardware.has_bf16", lambda: fast)
    command = ["separator", "--source", "bass", "--data", "songs", "--accelerator", "cpu"]
    assert main([*command, "--threads", "1", "--weights", "elsewhere", *asked]) == 0
    assert load(folder / "out/training/demo/bass/last.ckpt")["run"]["precision"] == expected
    assert read_weights(folder / "elsewhere", "demo/bass.onnx")
    checkpoint = ["--checkpoint", "out/training/demo/bass/last.ckpt", "--out", "released"]
    assert main(["release", "--source", "bass", "--data", "songs", *checkpoint]) == 0


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--devices", "999"], "devices: got 999"),
        (["--devices", "0"], "devices: got 0"),
        (["--data", "nowhere"], "no song"),
        (["--threads", "0"], "--threads: got 0, expected 1 or more"),
        (["--seed", "-1"], "--seed: got -1, expected 0 or more"),
        (["--out", "../elsewhere"], "got '../elsewhere', expected the name of a file inside"),
        (["--weights", "songs/song 0/bass.wav"], "bass.wav/demo/bass.onnx: got Not a directory"),
    ],
)
def test_a_wrong_option_is_one_line(
    folder: Path, capsys: pytest.CaptureFixture[str], options: list[str], told: str
) -> None:
    command = ["separator", "--source", "bass", "--data", "songs", "--accelerator", "cpu"]
    assert main([*command, *options]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ") and told in line


def test_a_run_that_diverges_is_one_line(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = replace(CONFIG, learning_rate=1e36, steps=50, validate_every=50)
    monkeypatch.setattr("training.__main__.read_config", lambda name: {"bass": config})
    assert main(["separator", "--source", "bass", "--data", "songs", "--threads", "1"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "got a gradient of" in line and "a lower learning_rate" in line


def test_the_mixer_command_registers_as_well(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, Any] = {}

    def train(songs: object, system: str, config: MixerConfig, *, seed: int) -> Mixer:
        seen.update(songs=songs, system=system, config=config, seed=seed)
        return Mixer()

    monkeypatch.setattr("training.__main__.train_mixer", train)
    assert main(["mixer", "--data", "songs", "--system", "tiny", "--out", "x"]) == 0
    assert (seen["system"], seen["seed"]) == ("tiny", 1)
    assert len(seen["songs"]) == 3 and isinstance(seen["config"], MixerConfig)
    assert read_weights(folder / "weights", "x/mixer.npz")


def test_the_rules_of_the_challenge_are_kept(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    board_a = folder / "aicrowd.json"
    board_a.write_text('{"external_dataset_used": false}')
    check = partial(rules.check_rules, submission=board_a)
    monkeypatch.setattr("training.__main__.check_rules", check)
    for step in (["separator", "--source", "bass"], ["mixer", "--system", "tiny"]):
        assert main([*step, "--data", "songs", "--out", "x"]) == 1
        (line,) = capsys.readouterr().err.splitlines()
        assert "leaderboard A" in line and "songs: 3 songs" in line
    assert not (folder / "weights").exists()


def test_an_old_manifest_is_kept_and_new_words_are_optional(tmp_path: Path) -> None:
    (tmp_path / "old.onnx").write_bytes(b"old")
    register_weights(tmp_path, "old.onnx", made_by="me")
    old = yaml.safe_load((tmp_path / MANIFEST).read_text())
    assert set(old["old.onnx"]) == {"sha256", "bytes", "made_by"}
    (tmp_path / "new.onnx").write_bytes(b"new")
    words = {"data": "songs", "config": "paper", "commit": "abc-dirty", "score": 7.25}
    register_weights(tmp_path, "new.onnx", made_by="me", **words)  # type: ignore[arg-type]
    both = yaml.safe_load((tmp_path / MANIFEST).read_text())
    assert both["old.onnx"] == old["old.onnx"]
    assert {key: both["new.onnx"][key] for key in words} == words
    assert read_weights(tmp_path, "old.onnx") == b"old"


def test_separators_trained_side_by_side_all_register(tmp_path: Path) -> None:
    names = [f"{number}.onnx" for number in range(8)]
    for name in names:
        (tmp_path / name).write_bytes(name.encode())

    def register(name: str) -> None:
        for _ in range(5):
            register_weights(tmp_path, name, made_by="a thread")

    threads = [threading.Thread(target=register, args=[name]) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(yaml.safe_load((tmp_path / MANIFEST).read_text())) == set(names)


def test_the_commit_tells_of_changes(tmp_path: Path) -> None:
    assert git_commit(tmp_path) is None
    git = ["git", "-c", "user.name=a", "-c", "user.email=b", "-C", str(tmp_path)]
    (tmp_path / "file").write_text("one")
    for words in (["init", "-q"], ["add", "file"], ["commit", "-qm", "one"]):
        subprocess.run([*git, *words], check=True)
    commit = git_commit(tmp_path)
    assert commit is not None and len(commit) == 40
    (tmp_path / "file").write_text("two")
    assert git_commit(tmp_path) == f"{commit}-dirty"
