"""What is printed while a bar shows a song's progress."""

import logging
import sys

import pytest
from tqdm import tqdm

from mdx.cli.report import AboveBars


def test_a_warning_is_a_line_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    logger = logging.getLogger("a test of bars")
    logger.handlers, logger.propagate = [AboveBars()], False
    with tqdm(total=9, desc="song.wav", file=sys.stderr):
        logger.warning("bass.wav: peaks at 1.18")
    before, _, after = capsys.readouterr().err.partition("bass.wav: peaks at 1.18\n")
    assert before.endswith("\r") and not before.rpartition("\r")[0].rpartition("\r")[2].strip()
    assert "song.wav" in before and "song.wav" in after  # the bar comes again
