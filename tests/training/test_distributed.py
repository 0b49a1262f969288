"""Two processes that train together."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.training.miniature import CONFIG, write_songs
from training import fit
from training.hardware import Hardware
from training.module import SeparatorModule

ROOT = Path(__file__).resolve().parents[2]
# BatchNorm would see half of the batch in each process, since CPUs have no synchronous one.
SCRIPT = """
import os, sys
from dataclasses import replace
from pathlib import Path
import pytest, torch, training.report
from torch import nn
from tests.training.miniature import CONFIG, skip_export
from training.config import SeparatorConfig
from training.fit import fit
from training.hardware import Hardware
from training.module import SeparatorModule
from training.origin import Origin
from training.songs import find_songs

class Plain(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(4, 8, 3, padding=1), nn.ReLU())
        self.last = nn.Conv2d(8, 4, 3, padding=1)
    def forward(self, x):
        return self.last(self.first(x))

SeparatorConfig.build = lambda self: Plain()
skip_export(pytest.MonkeyPatch())
root, devices = Path(sys.argv[1]), int(sys.argv[2])
rank = os.environ.get("LOCAL_RANK", "0")
weights, gradients = [], []
step = SeparatorModule.optimizer_step
def optimizer_step(self, *args, **kwargs):
    step(self, *args, **kwargs)
    gradients.append([weight.grad.clone() for weight in self.network.parameters()])
    weights.append([weight.detach().clone() for weight in self.network.parameters()])
SeparatorModule.optimizer_step = optimizer_step
training.report.EVERY = 2
songs = find_songs(root / "songs")
score = fit(
    replace(CONFIG, steps=2, accumulate=2), "drums", songs[:3], songs[3:], seed=1,
    out=root / f"run {devices}", weights=root, name="x.onnx", origin=Origin("a test"),
    hardware=Hardware("cpu", devices),
)
torch.save([score, gradients, weights], root / f"{devices} {rank}.pt")
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("together")
    write_songs(root / "songs", 6)  # of which 3 for validation: one process has two of them
    (root / "script.py").write_text(SCRIPT)
    for devices in (1, 2):
        command = [sys.executable, str(root / "script.py"), str(root), str(devices)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
        subprocess.run(command, check=True, timeout=300, env=environment)
    return root


def test_two_processes_step_as_one_with_the_whole_batch(folder: Path) -> None:
    alone, first, second = (
        torch.load(folder / f"{name}.pt", weights_only=True) for name in ("1 0", "2 0", "2 1")
    )
    gradients = alone[1][0]
    assert max(gradient.abs().max() for gradient in gradients) > 1e-4
    torch.testing.assert_close(first[1][0], gradients, rtol=1e-3, atol=1e-6)
    torch.testing.assert_close(second[1], first[1], rtol=0, atol=0)
    torch.testing.assert_close(second[2], first[2], rtol=0, atol=0)


def test_two_processes_share_the_validation(folder: Path) -> None:
    alone, first, second = (
        torch.load(folder / f"{name}.pt", weights_only=True)[0] for name in ("1 0", "2 0", "2 1")
    )
    assert first == second == pytest.approx(alone, abs=0.02)


def test_the_loss_is_that_of_all_processes(folder: Path) -> None:
    curves = [(folder / f"run {devices}" / "curve.csv").read_text() for devices in (1, 2)]
    losses = [[row.split(",") for row in curve.splitlines() if ",loss," in row] for curve in curves]
    ((_, _, alone),), ((_, _, together),) = losses
    assert float(together) == pytest.approx(float(alone), rel=1e-3)


def test_processes_on_cpus_warn_of_batch_norm(caplog: pytest.LogCaptureFixture) -> None:
    module = SeparatorModule(CONFIG, scale=1.0)
    for devices, told in ((1, 0), (2, 1)):
        fit._warn_of_batch_norm(module, Hardware("cpu", devices))
        assert caplog.text.count("batch norm sees only") == told
