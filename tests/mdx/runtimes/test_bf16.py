"""bfloat16: where it is available, which networks use it, and its effect."""

from pathlib import Path

import numpy as np
import pytest
import yaml

from mdx.errors import ConfigError, MdxError, NetworkError
from mdx.machine import has_bf16
from mdx.runtimes.openvino import OpenVinoNetwork
from mdx.runtimes.runtime import Runtime
from mdx.separator import Separator
from mdx.systems.spec import MODELS, SAMPLE_RATE
from tests.tiny import TINY, noise


@pytest.fixture
def bf16(monkeypatch: pytest.MonkeyPatch, no_bf16: None) -> None:
    """A CPU with bfloat16. On others, OpenVINO accepts the hint but computes in float32."""
    monkeypatch.setattr("mdx.runtimes.runtime.has_bf16", lambda: True)


def labels(separator: Separator) -> list[str]:
    """The quality levels of a separator, as text."""
    top = separator.ladder.levels[0]
    return [level.label(top) for level in separator.ladder.levels]


@pytest.mark.usefixtures("bf16")
def test_the_same_file_is_computed_in_bfloat16(tiny_system: Path) -> None:
    path, spec = tiny_system.parent / "vocals.onnx", TINY["vocals"]
    exact, rounded = (
        Runtime(threads=1).open(path, path.name, precision=precision)
        for precision in ("float32", "bf16")
    )
    assert (exact.precision, rounded.precision) == ("float32", "bf16")
    rng = np.random.default_rng(0)
    values = rng.standard_normal((1, 4, spec.dim_f, spec.dim_t)).astype(np.float32)
    before, after = exact(values), rounded(values)
    error = np.sqrt(np.mean((after - before) ** 2) / np.mean(before**2))
    assert after.dtype == np.float32 and error < 0.02
    # 8 bits of mantissa: rounding is visible if the CPU really uses bfloat16.
    assert (error > 1e-4) == has_bf16()


@pytest.mark.usefixtures("bf16")
def test_int8_stays_int8() -> None:
    path = MODELS / "weights" / "demo" / "bass.int8.onnx"
    assert Runtime(threads=1).open(path, path.name, precision="auto").precision == "int8"
    assert OpenVinoNetwork(path, path.name, threads=1, bf16=True).precision == "int8"


@pytest.mark.usefixtures("bf16")
def test_what_int8_leaves_in_float32_is_computed_in_bfloat16() -> None:
    folder = MODELS / "weights" / "demo"
    exact, rounded = (
        OpenVinoNetwork(folder / "bass.onnx", "bass.onnx", threads=1, bf16=bf16)
        for bf16 in (False, True)
    )
    plain = OpenVinoNetwork(folder / "bass.int8.onnx", "bass.int8.onnx", threads=1)
    found = Runtime("openvino", threads=1).open(folder / "bass.int8.onnx", "bass.int8.onnx")
    sizes = [int(size or 1) for size in exact.input.shape]
    values = np.random.default_rng(1).standard_normal(sizes).astype(np.float32)
    truth, before, after = exact(values), plain(values), found(values)
    # Where layers of both kinds alternate, their errors add up at worst.
    apart, together = (
        sum(np.sqrt(np.mean((stem - truth) ** 2)) for stem in stems)
        for stems in ((before, rounded(values)), (after,))
    )
    assert found.precision == "int8" and 0 < together <= apart
    assert np.any(after != before) == has_bf16()


@pytest.mark.parametrize(
    ("runtime", "told"),
    [
        (Runtime(), "a CPU with avx512_bf16"),
        (Runtime("onnxruntime"), "openvino or auto"),
        (Runtime(provider="cuda"), "expected cpu"),
    ],
)
def test_where_it_cannot_be_had_is_one_line(runtime: Runtime, told: str, tiny_system: Path) -> None:
    path = tiny_system.parent / "bass.onnx"
    with pytest.raises(NetworkError, match=told) as found:
        runtime.open(path, path.name, precision="bf16")
    assert len(str(found.value).splitlines()) == 1
    assert not runtime.computes_bf16


@pytest.mark.usefixtures("bf16")
def test_without_the_package_it_cannot_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Runtime().computes_bf16
    monkeypatch.setattr("mdx.runtimes.runtime.find_spec", lambda name: None)
    assert not Runtime().computes_bf16


def test_a_cpu_without_it_refuses_a_song_and_has_no_such_level(tiny_system: Path) -> None:
    with pytest.raises(MdxError, match="precision bf16"):
        Separator.load(tiny_system, precision="bf16")
    assert "bf16" not in labels(Separator.load(tiny_system, threads=1, limited=True))


@pytest.mark.usefixtures("bf16")
def test_a_limit_leads_to_it_where_there_is_no_int8(
    tiny_system: Path, quantised_copy: Path
) -> None:
    limited = Separator.load(tiny_system, threads=1, limited=True)
    assert labels(limited) == ["float32", "bf16", "scaled mixture"]
    assert limited.precision == "float32"
    limited = Separator.load(quantised_copy, threads=1, limited=True)
    assert labels(limited) == ["float32", "int8", "scaled mixture"]
    fast = Separator.load(quantised_copy, threads=1, limited=True, precision="bf16")
    assert labels(fast) == ["bf16", "int8", "scaled mixture"] and fast.precision == "bf16"


@pytest.mark.usefixtures("bf16")
def test_another_word_in_a_ladder_is_one_line(tiny_copy: Path) -> None:
    values = yaml.safe_load(tiny_copy.read_text())
    tiny_copy.write_text(yaml.safe_dump({**values, "ladder": [{"precision": "fp16"}]}))
    with pytest.raises(ConfigError, match="got 'fp16', expected one of float32, bf16, int8"):
        Separator.load(tiny_copy, threads=1, limited=True)


@pytest.mark.usefixtures("bf16")
def test_auto_is_int8_if_available_otherwise_bf16(tiny_system: Path, quantised_copy: Path) -> None:
    def top(system: Path) -> str:
        return Separator.load(system, threads=1, precision="auto").ladder.levels[0].precision

    assert (top(tiny_system), top(quantised_copy)) == ("bf16", "int8")


@pytest.mark.usefixtures("bf16")
def test_stems_are_nearly_those_of_float32(tiny_system: Path) -> None:
    mix = noise(SAMPLE_RATE)
    exact, rounded = (
        Separator.load(tiny_system, threads=1, precision=precision).separate(mix, SAMPLE_RATE)
        for precision in ("float32", "bf16")
    )
    for source, stem in exact.items():
        assert np.mean((rounded[source] - stem) ** 2) < 1e-4 * np.mean(stem**2)


def test_networks_of_any_length_have_no_bf16() -> None:
    with pytest.raises(ConfigError, match="float32, int8 or auto"):
        Separator.load("demucs_v2", precision="bf16")
