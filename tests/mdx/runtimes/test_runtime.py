"""The choice of a runtime: by name, automatically, and if one is missing or fails."""

import logging
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mdx.errors import ConfigError, MdxError, NetworkError
from mdx.machine import available_cpus, cgroup_quota, has_bf16, has_vnni, total_memory
from mdx.runtimes.openvino import OpenVinoNetwork
from mdx.runtimes.runtime import Runtime, _warn
from mdx.separator import Separator
from mdx.systems.spec import SOURCES
from tests.mdx.runtimes.test_networks import graph
from tests.tiny import noise

TOLERANCE = 2e-5  # of the peak: the runtimes sum float32 in different orders


def test_openvino_separates_like_onnxruntime(tiny_system: Path) -> None:
    mix = noise(9000)
    one = Separator.load(tiny_system, runtime="onnxruntime").separate(mix, 44100)
    separator = Separator.load(tiny_system, runtime="openvino", threads=1)
    assert separator.runtime.startswith("openvino 2") and separator.precision == "float32"
    two = separator.separate(mix, 44100)
    for source in SOURCES:
        assert np.abs(one[source] - two[source]).max() <= TOLERANCE * np.abs(one[source]).max()


def test_float32_is_onnxruntime_s_unless_asked_otherwise(network_file: Path) -> None:
    network = Runtime().open(network_file, "x.onnx")
    assert network.runtime.startswith("onnxruntime")


@pytest.fixture
def network_file(tmp_path: Path) -> Path:
    """A small network as a file."""
    path = tmp_path / "x.onnx"
    path.write_bytes(graph([1, 4, 48, 32]))
    return path


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "tflite"}, "runtime: got 'tflite', expected one of auto"),
        ({"provider": "tpu"}, "provider: got 'tpu', expected one of cpu"),
        ({"name": "openvino", "provider": "cuda"}, "expected cpu with openvino"),
        ({"threads": 0}, "threads: got 0, expected at least 1"),
    ],
)
def test_what_cannot_be_is_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Runtime(**options)  # type: ignore[arg-type]


class Broken:
    """A stand-in for OpenVINO that cannot compile anything."""

    def __init__(self, path: Path, name: str, *, threads: int, lean: bool, bf16: bool) -> None:
        raise NetworkError(name, got="an unknown operator", expected="an ONNX network")


def test_where_openvino_fails_onnxruntime_takes_its_place_and_says_why(
    network_file: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("mdx.runtimes.runtime.OpenVinoNetwork", Broken)
    monkeypatch.setattr("mdx.runtimes.runtime.precision_of", lambda path: "int8")
    monkeypatch.setattr("mdx.runtimes.runtime._has_fast_int8", lambda: True)
    _warn.cache_clear()
    with caplog.at_level(logging.WARNING):
        network = Runtime().open(network_file, "x.onnx")
    assert network.runtime.startswith("onnxruntime")
    assert "an unknown operator" in caplog.text and "is used instead of OpenVINO" in caplog.text
    with pytest.raises(NetworkError, match="an unknown operator"):
        Runtime("openvino").open(network_file, "x.onnx")


def test_without_openvino_it_says_what_to_install(
    network_file: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    monkeypatch.setattr("mdx.runtimes.runtime.precision_of", lambda path: "int8")
    monkeypatch.setattr("mdx.runtimes.runtime._has_fast_int8", lambda: True)
    _warn.cache_clear()
    with caplog.at_level(logging.WARNING):
        for _ in range(4):
            network = Runtime().open(network_file, "x.onnx")
            assert network.runtime.startswith("onnxruntime")
    assert caplog.text.count("got no package") == caplog.text.count("pip install openvino") == 1
    with pytest.raises(MdxError, match=r"expected openvino; pip install"):
        Runtime("openvino").open(network_file, "x.onnx")


def test_an_unwritable_home_only_disables_the_cache(
    network_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert OpenVinoNetwork(network_file, "x.onnx", threads=1).input.shape == [1, 4, 48, 32]


def test_a_compiled_network_is_kept(
    network_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    OpenVinoNetwork(network_file, "x.onnx", threads=1)
    assert list((tmp_path / "mdx" / "openvino").iterdir())


def write_cgroups(root: Path, files: dict[str, str], line: str) -> None:
    """Files of cgroups, and the one that says which of them a process is in."""
    for name, text in {**files, "membership": line}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text + "\n")


@pytest.mark.parametrize(
    ("files", "line", "quota"),
    [
        ({"a/b/cpu.max": "150000 100000"}, "0::/a/b", 1.5),
        ({"a/b/cpu.max": "max 100000"}, "0::/a/b", None),
        ({"a/cpu.max": "50000 100000", "a/b/cpu.max": "max 100000"}, "0::/a/b", 0.5),
        ({"cpu.max": "200000 100000"}, "0::/", 2.0),
        ({"cpu.max": "200000 100000"}, "0::/not/seen/from/inside", 2.0),
        ({}, "0::/", None),
        (
            {"cpu/x/cpu.cfs_quota_us": "300000", "cpu/x/cpu.cfs_period_us": "100000"},
            "4:cpu,cpuacct:/x",
            3.0,
        ),
        (
            {"cpu/x/cpu.cfs_quota_us": "-1", "cpu/x/cpu.cfs_period_us": "100000"},
            "4:cpu,cpuacct:/x",
            None,
        ),
        ({"cpu.max": "nonsense"}, "0::/", None),
    ],
)
def test_a_container_s_quota_is_found(
    tmp_path: Path, files: dict[str, str], line: str, quota: float | None
) -> None:
    write_cgroups(tmp_path, files, line)
    assert cgroup_quota(tmp_path / "membership", tmp_path) == quota


@pytest.mark.parametrize(
    ("files", "line", "most"),
    [
        ({"a/b/memory.max": "max", "a/memory.max": "4096"}, "0::/a/b", 4096),
        ({"memory/x/memory.limit_in_bytes": "8192"}, "9:memory:/x", 8192),
        ({"memory.max": "12288"}, "0::/not/seen/from/inside", 12288),
    ],
)
def test_memory_is_limited_by_every_cgroup(
    tmp_path: Path, files: dict[str, str], line: str, most: int
) -> None:
    write_cgroups(tmp_path, files, line)
    assert total_memory(tmp_path / "membership", tmp_path) == most
    assert total_memory(tmp_path / "none", tmp_path) > 10**8


@pytest.mark.parametrize(("quota", "cpus"), [(None, 3), (0.5, 1), (1.5, 2), (2.0, 2), (64.0, 3)])
def test_threads_follow_affinity_and_quota(
    monkeypatch: pytest.MonkeyPatch, quota: float | None, cpus: int
) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: {4, 5, 7}, raising=False)
    monkeypatch.setattr("mdx.machine.cgroup_quota", lambda: quota)
    assert available_cpus() == cpus == Runtime().workers
    assert Runtime(threads=9).workers == 9


@pytest.mark.parametrize(
    ("asked", "flags", "expected"),
    [
        (has_vnni, "fpu avx2", False),
        (has_vnni, "avx2 avx512_vnni", True),
        (has_vnni, "avx_vnni", True),
        (has_bf16, "fma avx512f", False),
        (has_bf16, "avx512_bf16", True),
        (has_bf16, "amx_bf16", True),
    ],
)
def test_the_features_of_a_cpu_are_read_from_its_flags(
    tmp_path: Path, asked: Callable[[Path], bool], flags: str, expected: bool
) -> None:
    (tmp_path / "cpuinfo").write_text(f"processor : 0\nflags : {flags}\n")
    assert asked(tmp_path / "cpuinfo") is expected
    assert asked(tmp_path / "missing") is False
