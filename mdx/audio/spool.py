"""Songs from pipes: kept in a temporary file, because decoders seek in it."""

import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from mdx.errors import AudioError

STDIN = Path("-")


@contextmanager
def song_file(path: Path) -> Iterator[Path]:
    """The path of a song as a file: its own, or a temporary one with the content of a pipe.

    `-` is the standard input. Raises AudioError if that is a terminal, or if the pipe cannot be
    read or its content cannot be stored.
    """
    if path == STDIN:
        if sys.stdin is None or sys.stdin.isatty():
            got = "no standard input" if sys.stdin is None else "a terminal as standard input"
            raise AudioError(path, got=got, expected="a song, piped in")
        with _copied(sys.stdin.buffer, path) as copy:
            yield copy
        return
    try:
        piped = stat.S_ISFIFO(path.stat().st_mode)
    except (OSError, ValueError):  # the reader reports the error
        piped = False
    if not piped:
        yield path
        return
    try:
        pipe = path.open("rb")
    except OSError as error:
        raise AudioError(path, got=error.strerror, expected="a readable pipe") from error
    with pipe, _copied(pipe, path) as copy:
        yield copy


@contextmanager
def _copied(pipe: BinaryIO, name: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="mdx-") as folder:
        copy = Path(folder) / "song"
        try:
            with copy.open("wb") as file:
                shutil.copyfileobj(pipe, file, 1 << 20)
        except OSError as error:
            raise AudioError(
                name, got=f"a pipe that cannot be kept ({error.strerror})",
                expected=f"room for it in {tempfile.gettempdir()}",
                hint="TMPDIR names another folder",
            ) from error  # fmt: skip
        yield copy
