"""Installs a download as a weights file: unpacked, verified, then renamed."""

import hashlib
import os
import shutil
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePosixPath
from stat import S_ISLNK

from mdx.errors import DownloadError, WeightsError
from mdx.systems.file_kinds import HEAD, kind_of
from mdx.systems.manifest import MANIFEST, WeightsEntry, describe_file, write_entry
from models.fetch.download import check_room
from models.fetch.wanted import Wanted


def is_there(wanted: Wanted) -> bool:
    """Whether the file is already in its place.

    Raises WeightsError if a different one is: it may be the user's, so it stays.
    """
    if not wanted.path.is_file():
        return False
    found = describe_file(wanted.path)
    if not wanted.entry.fits(found):
        raise WeightsError(
            wanted.path, got=found, expected=f"{wanted.entry} as in {MANIFEST}",
            hint="it is kept: move it away to fetch the one named",
        )  # fmt: skip
    _complete_entry(wanted, found)
    return True


def settle(draft: Path, wanted: Wanted) -> None:
    """Give a file its name, if it is the one that the manifest means; else raise WeightsError.

    Where the manifest has the first digits of the sha256 alone, it gets all of them and the size
    now, and the file is verified by these from then on.
    """
    found = describe_file(draft)
    if not wanted.entry.fits(found):
        with draft.open("rb") as file:
            kind = kind_of(file.read(HEAD))
        got = found if kind is None else f"{kind}, {found}"
        raise WeightsError(
            wanted.source, got=got, expected=f"{wanted.entry} as in {MANIFEST}",
            hint="it was not kept; if it comes again, the file there has changed",
        )  # fmt: skip
    os.replace(draft, wanted.path)
    _complete_entry(wanted, found)


def unpack(archive: Path, wanted: Wanted) -> None:
    """Unpack the one wanted file of a zip; nothing else is written.

    Raises WeightsError where the zip does not hold it; DownloadError where there is no room;
    OSError where it cannot be written.
    """
    try:
        with zipfile.ZipFile(archive) as files:
            member = _find_member(files, wanted)
            with _draft(wanted, member.file_size) as draft:
                with files.open(member) as source, draft.open("wb") as target:
                    shutil.copyfileobj(source, target)
                settle(draft, wanted)
    # RuntimeError: a password is required; NotImplementedError: an unknown compression
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
        raise WeightsError(archive, got=error, expected=f"a zip of {wanted.base}") from error


def check_archive(archive: Path, wanted: Wanted) -> None:
    """Raise WeightsError if a zip contradicts the manifest."""
    md5 = wanted.entry.archive_md5
    if md5 is None:
        return
    with archive.open("rb") as file:
        found = hashlib.file_digest(file, partial(hashlib.md5, usedforsecurity=False)).hexdigest()
    if found != md5:
        raise WeightsError(
            wanted.url, got=f"md5 {found}", expected=f"{md5} as in {MANIFEST}",
            hint="another zip lies there",
        )  # fmt: skip


def take_from(folder: Path, wanted: Wanted) -> None:
    """Copy or unpack a file that was downloaded into a folder, at most one level deep.

    Raises DownloadError where none there is the one wanted, or there is no room for it;
    WeightsError where its zip holds another one; OSError where it cannot be written.
    """
    names = wanted.names
    below = sorted(path for name in names for path in folder.glob(f"*/{name}"))
    for path in [*(folder / name for name in names), *below]:
        if path.is_file() and wanted.entry.fits(describe_file(path)):
            with _draft(wanted, path.stat().st_size) as draft:
                shutil.copyfile(path, draft)
                settle(draft, wanted)
            return
    archive = folder / wanted.download_name
    if wanted.entry.member is None or not archive.is_file():
        zipped = "" if wanted.entry.member is None else f", or {wanted.download_name}"
        raise DownloadError(
            folder, got="none that fits", expected=f"{' or '.join(names)} of {wanted.entry}{zipped}"
        )
    unpack(archive, wanted)


@contextmanager
def _draft(wanted: Wanted, size: int) -> Iterator[Path]:
    # A temporary file in the same folder, removed in any case.
    draft = wanted.path.with_name(f".{wanted.path.name}.{os.getpid()}.tmp")
    try:
        draft.parent.mkdir(parents=True, exist_ok=True)
        check_room(draft.parent, size)
        yield draft
    finally:
        draft.unlink(missing_ok=True)


def _find_member(files: zipfile.ZipFile, wanted: Wanted) -> zipfile.ZipInfo:
    # The folder inside the zip is unknown: files are matched by the last part of their name and
    # by their size. The path in the zip never becomes a path on disk.
    found = [
        member
        for member in files.infolist()
        if (path := PurePosixPath(member.filename.replace("\\", "/"))).name == wanted.entry.member
        and not path.is_absolute() and ".." not in path.parts
        and not S_ISLNK(member.external_attr >> 16)
        and wanted.entry.bytes in (None, member.file_size)
    ]  # fmt: skip
    if len(found) != 1:
        held = ", ".join(f"{member.filename} ({member.file_size})" for member in files.infolist())
        raise WeightsError(
            wanted.source, got=f"a zip of {held or 'nothing'}",
            expected=f"one {wanted.entry.member} of {wanted.entry.bytes} bytes in it",
        )  # fmt: skip
    return found[0]


def _complete_entry(wanted: Wanted, found: WeightsEntry) -> None:
    entry = replace(wanted.entry, sha256=found.sha256, bytes=found.bytes)
    if entry != wanted.entry:
        write_entry(wanted.folder, wanted.name, entry)
