"""Parses the pages of the documentation: links, anchors, code blocks, commands."""

import itertools
import re
import shlex
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
PAGES = (README, *sorted((ROOT / "docs").glob("*.md")))

_FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_CODE = re.compile(r"`([^`\n]+)`")
_LOOP = re.compile(r"\bfor (\w+) in (\S+)")
_SUBSTITUTION = re.compile(r"\$\((?:[^)]*\becho ([^;)]+))?[^)]*\)")


def blocks(page: Path, language: str) -> list[str]:
    """The code blocks of a page in one language."""
    return [code for name, code in _FENCE.findall(_read(page)) if name == language]


def prose(page: Path) -> str:
    """A page without its code blocks."""
    return _FENCE.sub("", _read(page))


def links(page: Path) -> list[str]:
    """The targets of a page's links and pictures."""
    return _LINK.findall(prose(page))


def code_spans(page: Path) -> list[str]:
    """The inline code of a page."""
    return _CODE.findall(prose(page))


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives to a page's headings."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for text in headings}


def commands(page: Path) -> Iterator[list[str]]:
    """The command lines of a page's shell blocks, word by word.

    A loop's variable has its first value; a command substitution is replaced by what it echoes.
    """
    for block in blocks(page, "sh"):
        code = block.replace("\\\n", " ")
        for variable, first in _LOOP.findall(code):
            code = code.replace(f"${variable}", first)
        line = ""
        for further in _SUBSTITUTION.sub(r"\1", code).splitlines():
            line = f"{line}\n{further}" if line else further
            with suppress(ValueError):  # a quotation that continues on the next line
                yield from _programs(line)
                line = ""
        assert not line, f"{page}: {line}"


def _programs(line: str) -> list[list[str]]:
    programs = []
    lexer = shlex.shlex(line, posix=True, punctuation_chars=";|&")
    lexer.whitespace_split = True
    for operator, words in itertools.groupby(lexer, lambda word: set(word) <= set(";|&")):
        found = [] if operator else list(words)
        while found and (found[0] in ("do", "done", "sudo") or "=" in found[0]):
            found = found[1:]
        if found:
            programs.append(found)
    return programs


def _read(page: Path) -> str:
    return page.read_text(encoding="utf-8")
