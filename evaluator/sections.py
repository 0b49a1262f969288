"""Sections of Markdown pages that are written by commands, between two comments."""

import argparse
from collections.abc import Callable
from pathlib import Path

from mdx.errors import ConfigError
from mdx.files import write_atomically


def page_with(name: str) -> Callable[[str], Path]:
    """The type of an option for the path of a page with this section.

    A page without it is refused when the command line is read: its table may take hours.
    """

    def page(text: str) -> Path:
        try:
            _split(Path(text), name)
        except (ConfigError, OSError, UnicodeDecodeError) as error:
            raise argparse.ArgumentTypeError(str(error)) from error
        return Path(text)

    return page


def replace_section(page: Path, name: str, section: str) -> None:
    """Replace the section of a page between the comments `name: begin` and `name: end`.

    Raises ConfigError if they are missing.
    """
    before, after = _split(page, name)
    write_atomically(page, f"{before}\n{section}\n{after}")


def _split(page: Path, name: str) -> tuple[str, str]:
    # What comes before and after the section, including its marks.
    text = page.read_text(encoding="utf-8")
    marks = [f"<!-- {name}: {edge} -->" for edge in ("begin", "end")]
    begin, end = (text.find(mark) for mark in marks)
    if not 0 <= begin < end:
        raise ConfigError(page, got=f"no marks for {name}", expected=" and ".join(marks))
    return text[: begin + len(marks[0])], text[end:]
