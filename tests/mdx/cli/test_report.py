"""What is printed while a bar shows a song's progress."""

import logging
import sys
from pathlib import Path

import pytest
from tqdm import tqdm

from mdx.cli.report import AboveBars, Lines


def test_a_warning_is_a_line_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    logger = logging.getLogger("a test of bars")
    logger.handlers, logger.propagate = [AboveBars()], False
    with tqdm(total=9, desc="song.wav", file=sys.stderr):
        logger.warning("bass.wav: peaks at 1.18")
    before, _, after = capsys.readouterr().err.partition("bass.wav: peaks at 1.18\n")
    assert before.endswith("\r") and not before.rpartition("\r")[0].rpartition("\r")[2].strip()
    assert "song.wav" in before and "song.wav" in after  # the bar comes again


def test_names_cannot_command_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    name = Path("\x1b]0;title\x07\x9b2J") / "two\nlines Ü.wav"
    lines = Lines()
    lines.done(name, {"bass": name / "bass.wav"}, 1.0)
    lines.skipped(name, "its stems exist")
    lines.failed(name, f"{name}: got no audio")
    logger = logging.getLogger("another test of bars")
    logger.handlers, logger.propagate = [AboveBars()], False
    logger.warning("%s: was clipped", name)
    said = capsys.readouterr()
    shown = r"\x1b]0;title\x07\x9b2J/two\nlines Ü.wav"
    assert said.out.splitlines() == [shown, f"{shown}: skipped, its stems exist"]
    error, warning = said.err.splitlines()
    assert error == f"error: {shown.replace(chr(92) + 'n', ' ')}: got no audio"
    assert warning == f"{shown}: was clipped"
