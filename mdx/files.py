"""Atomic writes, and the user's cache.

Whatever happens during a write, the file is either the new one or the old one.
"""

import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mdx.errors import OutputError

DRAFT = ".part"  # suffix of a file or folder that is still being written
LEFTOVER = re.compile(r"\.[0-9a-f]{16}\.part(\.old)?")


def user_cache() -> Path:
    """The folder for mdx in the user's cache; raises RuntimeError if there is no home folder."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "mdx"


def draft_of(path: Path) -> Path:
    """A temporary name in the same folder, also for a path whose name is as long as can be."""
    return path.with_name(f".{secrets.token_hex(8)}{DRAFT}")


@contextmanager
def replacing(path: Path, *, durable: bool = False) -> Iterator[Path]:
    """Yield a path for a file or folder that replaces `path` when the block is left.

    It is in the same folder, which is created if missing. `durable` waits until a file is on disk:
    even a power failure leaves the old or the new one. An exception removes the draft and keeps
    the old version. Raises OSError.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = draft_of(path)
    try:
        yield draft
        if durable:
            _flush(draft)
        if draft.is_dir() and path.is_dir():  # a folder cannot be renamed over another one
            shutil.rmtree(path)
        os.replace(draft, path)
    except BaseException:
        remove(draft)
        raise


def write_atomically(path: Path, content: str | bytes, *, durable: bool = False) -> None:
    """Write a file atomically, creating the folders above it; text is UTF-8.

    `durable` as in `replacing`. Raises OutputError if it cannot be written, for instance because
    the disk is full; what was there before is kept.
    """
    data = content.encode() if isinstance(content, str) else content
    try:
        with replacing(path, durable=durable) as draft:
            draft.write_bytes(data)
    except OSError as error:
        raise OutputError(path, got=error.strerror, expected="a writable file") from error


def remove_replacements(folder: Path) -> None:
    """Remove what killed processes left of `replacing` below a folder; nobody may be writing it."""
    for place, folders, names in os.walk(folder):
        left = [name for name in (*folders, *names) if LEFTOVER.fullmatch(name)]
        for name in left:
            remove(Path(place, name))
        folders[:] = [name for name in folders if name not in left]


def _flush(draft: Path) -> None:
    with draft.open("r+b") as file:  # Windows writes out only what may be written
        os.fsync(file.fileno())


def remove(draft: Path) -> None:
    """Remove a file, or a folder with all that is in it, as far as that is possible."""
    if draft.is_dir():
        shutil.rmtree(draft, ignore_errors=True)
    else:
        with suppress(OSError):
            draft.unlink()
