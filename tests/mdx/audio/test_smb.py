"""Shares whose locks are mandatory: what one file has locked, no other can read or write."""

import os
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pytest

from mdx.audio.drafts import claim, draft_path, remove_leftovers
from mdx.audio.formats import Encoding
from mdx.audio.places import stem_paths
from mdx.audio.write import StemWriter
from mdx.systems.spec import SAMPLE_RATE, SOURCES


@pytest.fixture
def locked(monkeypatch: pytest.MonkeyPatch) -> dict[int, BinaryIO]:
    """A file system like SMB's; the files that are locked while they are open, by inode."""
    held: dict[int, BinaryIO] = {}
    really_open, really_read = os.open, os.pread

    def refuse(number: int, file: Any) -> None:
        if number in held and not held[number].closed:
            raise PermissionError(13, "Permission denied", file)

    def flock(file: BinaryIO, _: int) -> None:
        number = os.fstat(file.fileno()).st_ino
        refuse(number, file.name)
        held[number] = file

    def opened(path: Any, flags: int, *rest: Any, **more: Any) -> int:
        if not str(path).startswith("/proc/") and Path(path).exists():
            refuse(Path(path).stat().st_ino, path)  # at the latest when it is used
        return really_open(path, flags, *rest, **more)

    def pread(file: int, *rest: int) -> bytes:
        refuse(os.fstat(file).st_ino, file)
        return really_read(file, *rest)

    monkeypatch.setattr("fcntl.flock", flock)
    monkeypatch.setattr("os.open", opened)
    monkeypatch.setattr("os.pread", pread)
    return held


@pytest.mark.parametrize("kind", ["wav", "flac"])
@pytest.mark.usefixtures("locked")
def test_stems_are_written(tmp_path: Path, kind: str) -> None:
    encoding = Encoding(kind)
    paths = stem_paths(tmp_path / "song", SOURCES, encoding.suffix)
    stems = np.zeros((4, 2, 1000), np.float32)
    with StemWriter(paths, frames=1000, sample_rate=SAMPLE_RATE, encoding=encoding) as writer:
        writer.append(stems)
    assert {path.name for path in (tmp_path / "song").iterdir()} == {
        f"{source}.{kind}" for source in SOURCES
    }


def test_what_may_be_another_process_s_is_left_alone(
    tmp_path: Path, locked: dict[int, BinaryIO]
) -> None:
    draft = draft_path(tmp_path / "bass.wav")
    with claim(draft):
        assert all(file.closed for file in locked.values())  # so that it can be written
        draft.write_bytes(b"half")
        remove_leftovers(tmp_path)
    assert draft.read_bytes() == b"half"
