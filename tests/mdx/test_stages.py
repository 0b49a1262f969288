"""Seconds by stage of a separation, measured without changing it."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from mdx.machine import available_cpus, cpu_model
from mdx.separator import Separator
from mdx.stages import Stages
from mdx.systems.spec import SOURCES


def test_time_is_added_up_even_where_something_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 1.0, 10.0, 12.5])
    monkeypatch.setattr("mdx.stages.time.perf_counter", lambda: next(clock))
    stages = Stages()
    with stages.time("read"):
        pass
    with pytest.raises(KeyError), stages.time("read"):
        raise KeyError
    assert stages.seconds == {"read": 3.5}


def test_only_waiting_for_items_is_timed() -> None:
    stages, seen = Stages(), []
    for item in stages.each("read", iter([1, None, 3])):
        seen.append(item)
        time.sleep(0.05)
    assert seen == [1, None, 3] and stages.seconds["read"] < 0.05


def test_a_separation_tells_all_its_stages(tiny: Separator, song: Path, tmp_path: Path) -> None:
    stages = Stages()
    tiny.separate_file(song, tmp_path / "out", stages=stages)
    assert set(stages.seconds) == {"read", "stft", *SOURCES, "istft", "combine", "write"}
    assert all(seconds > 0 for seconds in stages.seconds.values())
    assert tiny.runtime.startswith("onnxruntime ") and "CPUExecutionProvider" in tiny.runtime
    assert (tiny.threads, tiny.precision) == (1, "float32")


def test_a_cpu_is_named_with_its_generation(tmp_path: Path) -> None:
    info = tmp_path / "cpuinfo"
    second = "processor\t: 1\nmodel\t: 99\n"
    info.write_text(
        f"cpu family\t: 25\nmodel\t\t: 17\nmodel name\t: AMD EPYC: 2\n\n{second}", encoding="utf-8"
    )
    assert cpu_model(info) == "AMD EPYC: 2, family 25, model 17"
    info.write_text("model name\t: Cortex\n", encoding="utf-8")
    assert cpu_model(info) == "Cortex"
    info.write_text("Features\t: fp\n", encoding="utf-8")
    assert cpu_model(info) == cpu_model(tmp_path / "none") != ""


def test_the_machine_is_described() -> None:
    assert available_cpus() >= 1 and cpu_model()
    code = (
        "from mdx.machine import peak_memory; before = peak_memory()\n"
        "block = b'x' * 64_000_000; print(peak_memory() - before)"
    )  # in a process of its own, whose peak is not yet above that
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert 0.9 * 64_000_000 < int(child.stdout) < 1.5 * 64_000_000
