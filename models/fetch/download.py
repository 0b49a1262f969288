"""Downloads that can be continued and never count as complete too early."""

import http.client
import logging
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from mdx.errors import DownloadError
from mdx.locks import HAS_LOCKS, Lock, lock
from models.fetch.web import Broken, OutOfRange, blocks, open_url

log = logging.getLogger(__name__)

WAITS = (1.0, 2.0, 4.0)  # seconds before another attempt; they start over after progress

Progress = Callable[[int, int | None], None]  # bytes received, bytes in total


def download(url: str, part: Path, *, size: int | None, progress: Progress) -> None:
    """Download a file to `part`, or continue an earlier call.

    `size` is in bytes, if known. On return the file is complete as far as that and the server say;
    verifying its content is up to the caller. On an exception, `part` and the server's tag for the
    file's version, `<part>.tag`, remain for the next call. Raises DownloadError if the file cannot
    be had, has another size, or the disk is full; OSError if it cannot be written.
    """
    most, waits = 0, iter(WAITS)
    while size is None or _size(part) != size:
        try:
            _try(url, part, size, progress)
            break
        except Broken as error:
            if _size(part) > most:
                most, waits = _size(part), iter(WAITS)
            wait = next(waits, None)
            if wait is None:
                raise DownloadError(url, got=error, expected="the file") from error
            log.info("%s: %s; once more in %g s", url, error, wait)
            time.sleep(wait)


@contextmanager
def alone(part: Path) -> Iterator[None]:
    """Keep other processes from the same partial file; an empty one is removed in the end.

    Raises DownloadError if another process has it; OSError if it cannot be written.
    """
    if not HAS_LOCKS:  # there, an open file could not get its final name either
        yield
        return
    part.parent.mkdir(parents=True, exist_ok=True)
    with part.open("ab") as file:
        if lock(file) is Lock.BUSY or not _is_still(part, file):
            raise _busy(part)
        try:
            yield
        finally:
            if _is_still(part, file) and not _size(part):
                part.unlink()


def _busy(part: Path) -> DownloadError:
    return DownloadError(
        part, got="another process that downloads it", expected="one at a time",
        hint="wait for it, and give the command again",
    )  # fmt: skip


def _is_still(part: Path, file: BinaryIO) -> bool:
    # Another process may have finished, and given the file its final name.
    return part.exists() and os.path.samestat(part.stat(), os.fstat(file.fileno()))


def discard(part: Path) -> None:
    """Remove the partial files of a download."""
    part.unlink(missing_ok=True)
    _tag(part).unlink(missing_ok=True)


def check_room(folder: Path, needed: int) -> None:
    """Raise DownloadError if the disk of a folder has fewer free bytes than needed."""
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise DownloadError(
            folder, got=f"{free / 1e6:.1f} MB of free disk", expected=f"{needed / 1e6:.1f} MB",
            hint="make room and give the command again",
        )  # fmt: skip


def _try(url: str, part: Path, size: int | None, progress: Progress) -> None:
    tag = _tag(part)
    # Without a known version the rest could be another file's: everything is fetched.
    start = _size(part) if tag.exists() else 0
    headers = {"Accept-Encoding": "identity", "User-Agent": "mdx"}
    if start:
        headers |= {"Range": f"bytes={start}-", "If-Range": tag.read_text(encoding="utf-8")}
    try:
        answer = open_url(url, headers)
    except OutOfRange as error:
        if error.size == start:
            return  # nothing was missing
        tag.unlink()
        raise Broken(f"no bytes from {start}") from error
    with answer:
        if answer.status == http.client.PARTIAL_CONTENT and not _goes_on(answer, start):
            tag.unlink()
            raise Broken(f"other bytes than those from {start}")
        start = start if answer.status == http.client.PARTIAL_CONTENT else 0
        total = size if answer.length is None else start + answer.length
        if size not in (None, total):
            raise DownloadError(
                url, got=f"{total} bytes", expected=f"{size} bytes", hint="another file lies there"
            )
        part.parent.mkdir(parents=True, exist_ok=True)
        check_room(part.parent, (total or start) - start)
        _write(answer, part, start, total, progress)


def _write(
    answer: http.client.HTTPResponse, part: Path, start: int, total: int | None, progress: Progress
) -> None:
    here = start
    with part.open("ab" if start else "wb") as file:
        if not start:  # remove parts of an older version before the new one is recorded
            _note_version(answer, _tag(part))
        for block in blocks(answer):
            file.write(block)
            here += len(block)
            progress(here, total)
            if total is not None and here > total:
                break  # more than the known size: the caller refuses it
    if total is not None and here < total:
        raise Broken(f"the first {here} of {total} bytes")


def _goes_on(answer: http.client.HTTPResponse, start: int) -> bool:
    found = re.match(r"bytes (\d+)-", answer.headers.get("Content-Range", ""))
    return found is not None and int(found[1]) == start


def _note_version(answer: http.client.HTTPResponse, tag: Path) -> None:
    version = answer.headers.get("ETag", "W/")
    if version.startswith("W/"):  # a weak one does not identify the bytes: no ranges
        version = answer.headers.get("Last-Modified", "")
    if version:
        tag.write_text(version, encoding="utf-8")
    else:
        tag.unlink(missing_ok=True)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _tag(part: Path) -> Path:
    return part.with_name(f"{part.name}.tag")
