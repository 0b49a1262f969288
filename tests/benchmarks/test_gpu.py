"""The benchmark of a GPU, in miniature on the CPU: every part, what fails, what is kept."""

import json
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.gpu import __main__ as gpu
from benchmarks.gpu import package
from benchmarks.gpu.devices import PEAKS, Device, find_device
from benchmarks.gpu.in_onnxruntime import signal_to_noise
from benchmarks.gpu.parts import MEASURES, measure_part
from benchmarks.gpu.sizes import DEMUCS, FULL, MINIATURE, NETWORK, training_config, write_system
from benchmarks.gpu.task import Task
from mdx.errors import ConfigError
from mdx.systems.find import find_system
from models.macs import count_macs
from models.random_weights import randomise
from models.tfc_tdf import TfcTdfUNet

CPU = Device("cpu", "some CPU")
pytestmark = pytest.mark.filterwarnings("ignore")  # of the exporter's imports


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The networks in miniature."""
    path = tmp_path_factory.mktemp("gpu")
    figures = measure_part("weights", Task(CPU, path, 60))
    assert all(float(size) > 0 for size in figures.values())
    return path


def test_networks_are_kept(folder: Path) -> None:
    before = {name: (folder / name).stat().st_mtime_ns for name in (NETWORK, DEMUCS)}
    measure_part("weights", Task(CPU, folder, 60))
    assert before == {name: (folder / name).stat().st_mtime_ns for name in before}


@pytest.mark.parametrize(
    "part",
    [
        "matrix product in torch", "training, gpu", "training, paper", "network in torch",
        "network in onnxruntime", "song, blend", "stems against the CPU's",
    ],
)  # fmt: skip
def test_every_part_has_figures(part: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MDX_RUNTIME", "MDX_PROVIDER"):
        monkeypatch.setenv(name, "")  # the part sets them in its own process
    figures = measure_part(part, Task(CPU, folder, 60))
    numbers = [value for value in figures.values() if not isinstance(value, str)]
    words = {value for value in figures.values() if isinstance(value, str)}
    assert all(np.isfinite(value) and value >= 0 for value in numbers)
    if part == "stems against the CPU's":
        assert not numbers and words == {"identical"}
    else:
        assert numbers and all(word == "unknown" or "CPUExecution" in word for word in words)


def test_all_parts_have_a_share_of_the_time() -> None:
    assert list(gpu.PARTS) == list(MEASURES)
    assert sum(gpu.PARTS.values()) == pytest.approx(1)


def test_full_size_is_the_paper_s(tmp_path: Path) -> None:
    sent, _ = find_system("leaderboard_a")
    for blended in (True, False):
        spec, _ = find_system(write_system(FULL, tmp_path, blended=blended))
        for part, model in zip(spec.estimators[:4], sent.estimators, strict=False):
            assert part.options["n_fft"] == model.options["n_fft"]
        assert len(spec.estimators) == (5 if blended else 4) and spec.mixer is not None
    assert training_config("paper", FULL, "cuda").precision == "bf16-mixed"
    assert training_config("gpu", FULL, "cuda").sources == 4


def test_operations_are_counted_as_in_the_graph(folder: Path) -> None:
    import onnx

    network = randomise(TfcTdfUNet(MINIATURE.network), seed=0)
    shape = (1, 4, MINIATURE.network.dim_f, MINIATURE.frames)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(torch.zeros(shape))
    assert counter.get_total_flops() == 2 * count_macs(onnx.load(folder / NETWORK), shape)


def test_signal_to_noise_by_hand() -> None:
    ones = np.ones((2, 100), dtype=np.float32)
    assert signal_to_noise(ones, ones * np.float32(1.125)) == pytest.approx(18.06, abs=0.01)
    assert signal_to_noise(ones, ones) == np.inf


def answer(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Put an nvidia-smi on the path that does what a script says."""
    program = folder / "nvidia-smi"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}/usr/bin{os.pathsep}/bin")


def test_the_gpu_and_its_peak(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer(tmp_path, monkeypatch, "echo 'NVIDIA H200, 143771 MiB, 580.1'; echo 'NVIDIA T4, 1, 2'")
    device = find_device("gpu")
    assert (device.kind, device.name) == ("cuda", "NVIDIA H200")
    assert device.about == "143771 MiB, driver 580.1, the first of 2"
    assert device.share(494.5e12, "bf16") == pytest.approx(50)


@pytest.mark.parametrize(
    ("name", "bf16"),
    [
        ("NVIDIA H200 NVL", 835e12), ("NVIDIA H100 80GB HBM3", 989e12),
        ("NVIDIA H100 PCIe", 756e12), ("NVIDIA A100-SXM4-80GB", 312e12),
        ("NVIDIA L40S", 362e12), ("NVIDIA L4", 121e12),
    ],
)  # fmt: skip
def test_names_of_devices(name: str, bf16: float) -> None:
    assert Device("cuda", name).share(bf16, "bf16") == 100


def test_an_unknown_device_has_no_peak() -> None:
    assert Device("cuda", "NVIDIA T4").share(1e12, "tf32") is None
    assert all(set(peaks) == {"bf16", "tf32", "float32"} for peaks in PEAKS.values())


@pytest.mark.parametrize(
    ("script", "said"),
    [(None, "no nvidia-smi"), ("echo broken driver >&2; exit 9", "'broken driver'"), (":", "not")],
)
def test_without_a_gpu_it_is_one_line(
    script: str | None, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setenv("PATH", str(tmp_path))
    if script is not None:
        answer(tmp_path, monkeypatch, script)
    assert gpu.main(["--json", str(tmp_path / "x.json")]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: GPU: got ") and said in line and "--device cpu" in line
    assert not (tmp_path / "x.json").exists()


def test_a_part_that_fails_costs_the_others_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    calls: list[tuple[str, float]] = []
    broken = {"weights"}

    def measure(part: str, *_: Any) -> dict[str, Any]:
        calls.append((part, _[-1]))
        return {"failed": "a reason " * 30} if part in broken else {"TFLOP/s": 123.456}

    monkeypatch.setattr(gpu, "measure", measure)
    words = ["--device", "cpu", "--minutes", "1", "--json", str(tmp_path / "x.json")]
    assert gpu.main(words) == 1
    assert [part for part, _ in calls] == list(gpu.PARTS)
    limits = dict(calls)
    assert limits["package"] == pytest.approx(60, abs=5)  # nothing was used up before it
    assert limits["matrix product in torch"] == pytest.approx(60 * 0.07, abs=1)
    said = capsys.readouterr().out
    assert "weights: failed" in said and "a reason a reason" in said and "123.5" in said
    assert max(map(len, said.splitlines())) < 200
    kept = json.loads((tmp_path / "x.json").read_text())
    assert kept["parts"]["weights"]["failed"] == "a reason " * 30
    calls.clear()
    broken.clear()
    assert gpu.main(words) == 0 and [part for part, _ in calls] == ["weights"]


def test_figures_of_another_device_are_not_mixed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "x.json"
    path.write_text(json.dumps({"device": "NVIDIA H200", "parts": {}}))
    before = path.read_bytes()
    assert gpu.main(["--device", "cpu", "--json", str(path)]) == 1
    assert "got figures of NVIDIA H200" in capsys.readouterr().err
    assert path.read_bytes() == before
    path.write_text("[1]")
    with pytest.raises(ConfigError, match="no figures of this benchmark"):
        gpu.recall(path, CPU)


def test_what_cannot_be_kept_is_not_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(gpu, "measure", lambda *_: pytest.fail("measured"))
    (tmp_path / "file").write_text("")
    assert gpu.main(["--device", "cpu", "--json", str(tmp_path / "file" / "x.json")]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"error: {tmp_path / 'file'}")
    for minutes in ("0", "-1", "nan", "inf"):
        with pytest.raises(SystemExit, match="2"):
            gpu.main(["--device", "cpu", "--minutes", minutes])


def test_a_part_s_last_words(tmp_path: Path) -> None:
    failed = gpu.measure("network in onnxruntime", CPU, tmp_path, 120)["failed"]
    assert failed.startswith(f"{NETWORK}: got a file onnxruntime cannot load")
    started = time.monotonic()
    late = gpu.measure("network in onnxruntime", CPU, tmp_path, 0.2)
    assert late == {"failed": "not done within 0.2 s"} and time.monotonic() - started < 60


def test_what_can_be_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "constraints.txt").write_text("")
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'nothing'\n")  # no version
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    found = package.try_installing(60, tmp_path)
    assert found["onnxruntime-gpu, from the index"].startswith("no: No matching distribution")
    assert found["package, from the index"].startswith("no: ")
    assert found["package, beside what is here"].startswith("no: ")
    assert "and runs" not in found and "CPUExecutionProvider" in str(found)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["constraints.txt", "pyproject.toml"]
