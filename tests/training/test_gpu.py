"""`python -m training.gpu`, in miniature and on the CPU."""

import json
import math
import time
from dataclasses import asdict
from pathlib import Path

import pytest
import torch
import yaml

from mdx.errors import OutputError
from mdx.systems.weights import read_weights
from tests.training.miniature import V3, write_songs
from training import gpu
from training.gpu import main, measure_pace, render, with_steps
from training.rules import RECORDED_SONGS


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A tiny network for all four stems."""
    values = {**asdict(V3), "data": {}}
    del values["sources"]
    path = tmp_path / "tiny.yaml"
    shared = {key: value for key, value in values.items() if value is not None}
    path.write_text(yaml.safe_dump({"shared": shared, "all": {}}))
    return path


def test_songs_a_network_and_its_scores(
    tmp_path: Path, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def songs(out: Path, count: int, **_: object) -> None:
        write_songs(out / "train", count)
        write_songs(out / "test", 2)
        for folder in (out / "train").iterdir():
            (folder / "song.json").write_text('{"split": "train", "packs": {"rumpf_kit": "1"}}')

    monkeypatch.setattr(gpu, "render", songs)
    monkeypatch.setattr(gpu, "measure_pace", lambda *_: 1.0)
    out = tmp_path / "out"
    arguments = ["--out", str(out), "--minutes", "0.1", "--songs", "3", "--config", str(config)]
    assert main([*arguments, "--accelerator", "cpu"]) == 0
    (run,) = out.glob("run-*")
    scores = json.loads((run / "scores.json").read_text())
    assert len(scores) == 4 and all(math.isfinite(value) for value in scores.values())
    steps = yaml.safe_load((out / "steps.yaml").read_text())["steps"]
    assert 1 <= steps <= 6
    assert read_weights(run / "weights", "gpu/all.onnx")
    entries = yaml.safe_load((run / "weights" / "manifest.yaml").read_text())
    assert entries["gpu/all.onnx"]["made_by"].startswith("python -m training.gpu --out")
    assert entries["gpu/all.onnx"]["data"] == f"{RECORDED_SONGS}: 3 songs"


def test_a_failure_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--out", str(tmp_path), "--config", "no.yaml", "--accelerator", "cpu"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: no.yaml")


def test_a_configuration_of_four_networks_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--config", "demo", "--accelerator", "cpu"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: --config: got demo")


# Writes the name of what it is asked to compose: train or test.
WRITES = """
import sys
from pathlib import Path
out, train, test = (sys.argv[sys.argv.index(key) + 1] for key in ("--out", "--train", "--test"))
with (Path(out) / "order").open("a") as file:
    file.write(f"{train} {test}\\n")
"""


def test_test_songs_come_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu, "DEMO", ["-c", WRITES])
    render(tmp_path, 5, seconds=60, jobs=1, options=[])
    assert (tmp_path / "order").read_text() == f"0 {gpu.TEST_SONGS}\n5 0\n"


def test_songs_that_cannot_be_composed_end_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpu, "DEMO", ["-c", "import sys; sys.exit(1)"])
    with pytest.raises(OutputError, match="got exit code 1 of python -m demo"):
        render(tmp_path, 1, seconds=60, jobs=1, options=[])


def test_rendering_ends_with_its_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started = time.monotonic()
    monkeypatch.setattr(gpu, "DEMO", ["-c", "import time; time.sleep(60)"])
    render(tmp_path, 1, seconds=0.2, jobs=1, options=[])
    assert time.monotonic() - started < 30


def test_steps_are_as_many_as_fit_into_the_time() -> None:
    assert with_steps(V3, 60.0, 0.5).steps == 120 and with_steps(V3, 60.0, 0.5).validate_every == 20
    assert with_steps(V3, -5.0, 0.5).steps == 1
    assert 0 < measure_pace(V3, torch.device("cpu")) < 10
