"""Writing a file so that it is either the new one or the old one, whatever happens meanwhile."""

import os
from contextlib import suppress
from pathlib import Path

from mdx.errors import OutputError


def replace_file(path: Path, content: bytes) -> None:
    """Write a file aside and put it in its place once it is whole and on the disk.

    Raises OutputError where it cannot be written, for want of room for instance; what was there
    before is kept.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with draft.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, path)
    except OSError as error:
        with suppress(OSError):
            draft.unlink()
        raise OutputError(
            path, got=error.strerror, expected="a file that can be written",
            hint="what was there before is kept",
        ) from error  # fmt: skip
