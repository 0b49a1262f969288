"""All tables of the docs are made anew by one command."""

import shlex
from pathlib import Path

import pytest

from benchmarks import pages
from benchmarks.pages import PARTS, Part
from evaluator.children import ROOT
from tests.test_docs import arguments_start, module_of, parse

COMMANDS = [command for part in PARTS.values() for command in part.commands]


@pytest.mark.parametrize("command", COMMANDS)
def test_its_commands_are_understood(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    words = shlex.split(command)
    assert words == command.split()  # without quotes
    module = module_of("python", words)
    assert module
    parse(module, words[arguments_start("python", words) :], monkeypatch)


def test_every_page_that_it_makes_exists() -> None:
    for part in PARTS.values():
        for word in part.makes.replace(",", " ").split():
            assert "." not in word or (ROOT / word).is_file(), word


def call(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr("sys.argv", ["pages", *arguments])
    return pages.main()


def test_a_part_that_fails_is_named_and_the_others_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    parts = {
        "broken": Part("nothing", 1, ("-m no_such_module", "-V")),
        "whole": Part("nothing", 2, ("-V", "-V")),
    }
    monkeypatch.setattr(pages, "PARTS", parts)
    assert call(monkeypatch, "--out", str(tmp_path / "out")) == 1
    printed = capsys.readouterr().out
    assert "about 3 minutes in all" in printed and "broken: 0.0 minutes, failed" in printed
    assert "whole: 0.0 minutes\n" in printed
    assert (tmp_path / "out" / "whole.txt").read_text().count("Python 3") == 2
    broken = (tmp_path / "out" / "broken.txt").read_text()
    assert "no_such_module" in broken and "Python 3" not in broken


def test_the_list_runs_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(pages, "run", None)
    assert call(monkeypatch, "--list", "--out", str(tmp_path / "out")) == 0
    assert "docs/balance.md and its figure" in capsys.readouterr().out
    assert not (tmp_path / "out").exists()


def test_an_unknown_part_is_an_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        call(monkeypatch, "nothing")
    assert "got the part 'nothing', expected some of results, " in capsys.readouterr().err
