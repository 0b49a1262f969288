"""Writing stems as on Windows: no open file can be moved or removed, and there is no flock."""

import fcntl
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mdx.audio.formats import Encoding
from mdx.audio.write import StemWriter
from mdx.errors import OutputError
from tests.tiny import noise

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def is_open(path: str | Path) -> bool:
    """Whether this process has a file open."""
    links = Path("/proc/self/fd").iterdir()
    return os.path.realpath(path) in map(os.path.realpath, links)


@pytest.fixture(autouse=True)
def _windows(monkeypatch: pytest.MonkeyPatch) -> None:
    def refusing(function: Callable[..., None]) -> Callable[..., None]:
        def call(*paths: Any, **options: Any) -> None:
            if any(is_open(path) for path in paths):
                raise PermissionError(13, "[WinError 32] another process has it open", paths[0])
            function(*paths, **options)

        return call

    def flush(number: int) -> None:
        if fcntl.fcntl(number, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
            raise OSError(9, "Bad file descriptor")

    monkeypatch.setattr("mdx.locks.HAS_LOCKS", False)
    for name in ("replace", "unlink"):
        monkeypatch.setattr(os, name, refusing(getattr(os, name)))
    monkeypatch.setattr(os, "fsync", flush)


def write(folder: Path, kind: str, *, fail: bool = False) -> None:
    """Write two stems of a second, over those that are there."""
    paths = {name: folder / f"{name}.{kind}" for name in ("bass", "vocals")}
    with StemWriter(paths, sample_rate=44100, frames=44100, encoding=Encoding(kind)) as writer:
        writer.append(np.stack([noise(44100), noise(44100, seed=1)]) * np.float32(0.1))
        if fail:
            raise OutputError("stems", got="a fault", expected="none")


@pytest.mark.parametrize("kind", ["wav", "flac", "mp3", "ogg", "opus"])
def test_stems_are_written_and_replaced(tmp_path: Path, kind: str) -> None:
    for _ in range(2):
        write(tmp_path, kind)
        assert sorted(path.name for path in tmp_path.iterdir()) == [
            f"bass.{kind}",
            f"vocals.{kind}",
        ]


def test_a_failure_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="got a fault"):
        write(tmp_path / "out", "wav", fail=True)
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    left, old = tmp_path / ".bass.wav.0123abcd.part", tmp_path / ".x.wav.0123abcd.part.old"
    left.touch()
    old.write_bytes(b"what was there before")
    write(tmp_path, "wav")
    assert not left.exists() and (tmp_path / "x.wav").read_bytes() == b"what was there before"
