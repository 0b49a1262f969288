"""README and docs: links, files, commands and options exist; length and spelling."""

import argparse
import functools
import importlib
import importlib.util
import re
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.doc_pages import (
    PAGES,
    README,
    ROOT,
    anchors,
    blocks,
    code_spans,
    commands,
    links,
    prose,
)  # fmt: skip

README_LINES, PAGE_LINES = 200, 250
ROOMS = ("mdx", "models", "evaluator", "training", "demo", "benchmarks", "tests", "tools", "docs")
WORDS = ROOT / "tests" / "words.txt"  # words that the spelling check must accept
# Options of other programs; ours are looked up in the code.
FOREIGN_PROGRAMS = {
    ".", "apt-get", "cd", "chromium", "docker", "eval", "export", "for", "grep", "mypy", "pytest",
    "python", "python3", "ruff", "ssh", "strace",
}  # fmt: skip
FOREIGN_OPTIONS = {"--constraint", "--no-deps", "--volume"}
# Files that commands in the docs write, or that the docs tell the reader to write.
MADE_LATER = re.compile(
    r"benchmarks/history\.jsonl|models/weights/(paper|demucs_v2|synthetic(_low)?)/|docs/serve\.md"
)
PYTHON_BLOCKS = [
    pytest.param(block, id=f"{page.stem}-{number}")
    for page in PAGES
    for number, block in enumerate(blocks(page, "python"))
]
COMMANDS = [
    pytest.param(words, id=f"{page.stem}: {' '.join(words)}")
    for page in PAGES
    for words in commands(page)
]


class Parsed(BaseException):
    """The command line was parsed; nothing is run."""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_files_and_headings(page: Path) -> None:
    for link in links(page):
        if link.startswith("https://"):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.is_relative_to(ROOT) and target.is_file(), link
        assert not anchor or anchor in anchors(target), link


def test_every_page_is_in_the_index() -> None:
    index = ROOT / "docs" / "README.md"
    assert {*links(index)} >= {page.name for page in PAGES if page.parent != ROOT} - {index.name}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_pages_are_short(page: Path) -> None:
    most = README_LINES if page == README else PAGE_LINES
    assert len(page.read_text(encoding="utf-8").splitlines()) <= most


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_that_are_named_exist(page: Path) -> None:
    for span in code_spans(page):
        if re.fullmatch(rf"({'|'.join(ROOMS)})(/[\w.*-]+)*/?", span) and "/" in span:
            assert MADE_LATER.match(span) or list(ROOT.glob(span.rstrip("/"))), span
        for name in re.findall(r"python -m ([\w.]+)", span):
            assert importlib.util.find_spec(name), span


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_options_that_are_named_exist(page: Path) -> None:
    for span in code_spans(page):
        options = set(re.findall(r"(?<![\w-])--[a-z][\w-]*", span)) - FOREIGN_OPTIONS
        assert options <= known_options(), span


@functools.cache
def known_options() -> set[str]:
    """Every long option in the code of this repository."""
    files = [path for room in ROOMS for path in (ROOT / room).rglob("*.py")]
    text = "\n".join(path.read_text(encoding="utf-8") for path in files)
    return set(re.findall(r'"(--[a-z][\w-]*)"', text))


@pytest.mark.parametrize("words", COMMANDS)
def test_commands_are_understood(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    program, *rest = words
    name = program.rpartition("/")[2]
    if name == "make":
        targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
        assert {word for word in rest if "=" not in word} <= set(targets)
    elif name == "pip":
        project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
        extras = set(re.findall(r"\w+", "".join(re.findall(r"\.\[(.*?)\]", " ".join(rest)))))
        assert extras <= {*project["optional-dependencies"]}
    elif module := module_of(name, rest):
        if (arguments := rest[arguments_start(name, rest) :]) or module != "predict":
            parse(module, arguments, monkeypatch)
    else:
        assert name in FOREIGN_PROGRAMS, words


def module_of(name: str, rest: Sequence[str]) -> str | None:
    """The module of this repository that a command runs, or None."""
    if name == "mdx":
        return "mdx.cli.main"
    if name != "python" or not rest:
        return None
    if rest[0] != "-m":
        return rest[0].removesuffix(".py").replace("/", ".")
    if rest[1].split(".")[0] not in ROOMS:
        return None
    package = (ROOT / rest[1].replace(".", "/")).is_dir()
    return f"{rest[1]}.__main__" if package else rest[1]


def arguments_start(name: str, rest: Sequence[str]) -> int:
    """The index at which a command's arguments begin after the program."""
    return 0 if name == "mdx" else 2 if rest[0] == "-m" else 1


def parse(module: str, arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Parse a command line with the command's parser and run nothing; fails if it is refused."""
    parse_args = argparse.ArgumentParser.parse_args

    def and_no_more(parser: argparse.ArgumentParser, *args: Any) -> None:
        parse_args(parser, *args)
        raise Parsed

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", and_no_more)
    monkeypatch.setattr(sys, "argv", [module, *arguments])
    with pytest.raises((Parsed, SystemExit)) as ended:
        importlib.import_module(module).main()
    assert not isinstance(ended.value, SystemExit) or ended.value.code == 0, arguments


def test_a_command_with_an_unknown_option_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AssertionError):
        parse("benchmarks.blend", ["--readme", "README.md"], monkeypatch)


@pytest.mark.parametrize("block", PYTHON_BLOCKS)
def test_python_blocks_run(block: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    try:
        exec(compile(block, "<docs>", "exec"), {})
    except ModuleNotFoundError as error:  # a package that the page says is not included
        if str(error.name).split(".")[0] in ROOMS:
            raise


def test_the_docs_have_links_commands_and_python_blocks() -> None:
    assert len(PAGES) > 15 and len(COMMANDS) > 40 and len(PYTHON_BLOCKS) >= 2
    assert all(links(page) or prose(page) for page in PAGES)


def test_spelling() -> None:
    names = ("README.md", "CITATION.cff", "NOTICE", "Makefile", "predict.py", "pyproject.toml")
    lists = "*/musdb18_*.txt,*/golden/*,*.svg,*.svgz,*.onnx,*.npz"
    command = [
        sys.executable, "-m", "codespell_lib", "--ignore-words", str(WORDS), "--skip", lists,
        *names, *(room for room in ROOMS if room != "tools"),
    ]  # fmt: skip
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert not found.returncode, found.stdout + found.stderr
