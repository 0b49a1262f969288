"""Which precisions the page offers: those that the system's networks and the CPU have."""

from pathlib import Path

import pytest

from mdx.errors import ConfigError
from mdx.serve.jobs import Wish
from mdx.serve.menu import Menu
from mdx.serve.settings import Settings


def precisions(menu: Menu) -> dict[str, list[str]]:
    """The precisions of all systems that the page offers."""
    return {system["name"]: system["precisions"] for system in menu.as_json()}


@pytest.mark.parametrize(("here", "both"), [
    (True, ["float32", "bf16", "int8"]), (False, ["float32", "int8"]),
])  # fmt: skip
def test_bfloat16_is_offered_where_the_cpu_has_it(
    here: bool, both: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mdx.runtimes.runtime.has_bf16", lambda: here)
    offered = precisions(Menu(Settings(tmp_path)))
    assert offered["demo"] == both
    assert offered["demucs_v2"] == ["float32"]  # takes songs of any length


def test_a_precision_that_is_not_here_is_one_line(
    tmp_path: Path, no_bf16: None, tiny_system: Path
) -> None:
    menu = Menu(Settings(tmp_path, system=str(tiny_system)))
    assert menu.choose(Wish(menu.default, "float32")).setup.precision == "float32"
    with pytest.raises(ConfigError, match=r"got precision 'bf16', expected one of float32$"):
        menu.choose(Wish(menu.default, "bf16"))
    with pytest.raises(ConfigError, match="got precision 'bf16'"):
        Menu(Settings(tmp_path, precision="bf16"))
    with pytest.raises(ConfigError, match="got precision 'bf16'"):
        Menu(Settings(tmp_path, runtime="onnxruntime", precision="bf16"))


def test_auto_is_the_fastest_that_is_here(tmp_path: Path, no_bf16: None, tiny_system: Path) -> None:
    assert Menu(Settings(tmp_path, precision="auto")).precision == "int8"
    tiny = Menu(Settings(tmp_path, system=str(tiny_system), precision="auto"))
    assert tiny.precision == "float32"
