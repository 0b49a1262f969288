"""Files for other machines: digests, safe names, and chunks of moderate size."""

import hashlib
import os
import re
import shutil
from functools import lru_cache
from pathlib import Path, PurePosixPath

from mdx.errors import MdxError
from mdx.files import replacing

CHUNK = 4 << 20  # bytes, which a scheduler must also hold to forward a chunk
DIGEST = re.compile("[0-9a-f]{64}")
MOST = 4096  # bytes of a name
TOKEN = re.compile("[0-9a-f]{16}")


class UnsafeName(MdxError):
    """A name from another machine that would lead out of its folder."""


def digest(path: Path) -> str:
    """The sha256 of a file, which is read again only if it has changed; raises OSError."""
    now = path.stat()
    return _digest(path, (now.st_ino, now.st_size, now.st_mtime_ns, now.st_ctime_ns))


@lru_cache(maxsize=4096)
def _digest(path: Path, identity: tuple[int, ...]) -> str:  # noqa: ARG001
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def has_digest(path: Path, expected: str) -> bool:
    """Whether the file exists and has this digest."""
    try:
        return path.is_file() and digest(path) == expected
    except OSError:
        return False


def place_in(folder: Path, name: str) -> Path:
    """The path of a file below a folder; raises UnsafeName if it would lead out of it."""
    parts = PurePosixPath(name).parts
    fine = parts and not name.startswith("/") and len(os.fsencode(name)) <= MOST
    if fine and not any(part == ".." or "\\" in part or "\0" in part for part in parts):
        place = folder.joinpath(*parts)
        if place.is_relative_to(folder):  # and on no other drive
            return place
    raise UnsafeName("file", got=repr(name), expected="a name below its folder")


def checked(sha256: str) -> str:
    """Return a valid sha256; raises UnsafeName for anything else."""
    if not DIGEST.fullmatch(sha256):
        raise UnsafeName("file", got=repr(sha256), expected="a sha256")
    return sha256


def describe_folder(folder: Path) -> dict[str, tuple[int, str]]:
    """The size and sha256 of all files below a folder, by relative name."""
    return {
        path.relative_to(folder).as_posix(): (path.stat().st_size, digest(path))
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.is_symlink()
    }


def link(source: Path, target: Path) -> None:
    """Make a file available at a second path: as a link if possible, otherwise as a copy.

    What was there is replaced at once, since another song may be using it.
    """
    with replacing(target) as draft:
        try:
            draft.symlink_to(source.resolve())
        except OSError:  # Windows, without the right
            shutil.copyfile(source, draft)
