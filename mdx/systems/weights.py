"""Weights by name: every file is verified against its folder's manifest before it is used."""

import hashlib
import logging
import mmap
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from mdx.errors import ConfigError, WeightsError
from mdx.systems.file_kinds import HEAD, check_whole, kind_of
from mdx.systems.manifest import (
    MANIFEST,
    WeightsEntry,
    checkpoint_of,
    describe,
    int8_name,
    read_manifest,
    weights_path,
)

log = logging.getLogger(__name__)
QUANTISE = "python -m models.quantize SYSTEM --data FOLDER"
FETCH = "mdx fetch {system}"
CONVERT = "python -m models.convert {checkpoint} --out {name}"
QUANTISE_CONVERTED = "python -m models.convert --int8 {name}"
PRECISIONS = ("float32", "bf16", "int8", "auto")


def read_weights(folder: Path, name: str) -> bytes:
    """Read one weights file, whose size and sha256 must be those in the folder's manifest.

    Returns its bytes, so that what was verified is what is used. Raises WeightsError if the
    manifest does not name the file, or if the file is missing or is a different one.
    """
    path = weights_path(folder, name)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise _missing(folder, name, error) from error
    _check(folder, name, describe(content), content[:HEAD])
    check_whole(path, memoryview(content))
    return content


@contextmanager
def weights_file(folder: Path, name: str) -> Iterator[Path]:
    """The path of a verified weights file, for a reader that opens it itself.

    The same checks and errors as read_weights, in constant memory. What was verified is what is
    used: after the block the file must be the one it was before, unchanged, or WeightsError.
    """
    path = weights_path(folder, name)
    try:
        with path.open("rb") as file:
            before = _identity(os.fstat(file.fileno()))
            digest = hashlib.file_digest(file, "sha256")
            file.seek(0)
            head = file.read(HEAD)
            _check(folder, name, WeightsEntry(digest.hexdigest(), before[2]), head)
            if head:
                with (
                    mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content,
                    memoryview(content) as view,
                ):
                    check_whole(path, view)
    except OSError as error:
        raise _missing(folder, name, error) from error
    yield path
    if not path.is_file() or _identity(path.stat()) != before:
        raise WeightsError(
            path, got="a file that changed while it was read", expected="one at rest"
        )


def _identity(now: os.stat_result) -> tuple[int, ...]:
    # On POSIX the last is the time of the last change, which no program can set back.
    return now.st_dev, now.st_ino, now.st_size, now.st_mtime_ns, now.st_ctime_ns


def require_files(system: str, folder: Path, names: Iterable[str]) -> None:
    """Raise WeightsError if a file of a system is not here; it says how to get the system's."""
    missing = [name for name in names if not weights_path(folder, name).is_file()]
    if missing:
        more = f" and {len(missing) - 1} more" if missing[1:] else ""
        raise WeightsError(
            f"system {system}", got=f"no {missing[0]}{more}", expected=f"its weights in {folder}",
            hint=_remedy(folder, missing[0], system),
        )  # fmt: skip


def _missing(folder: Path, name: str, error: OSError) -> WeightsError:
    hint = _remedy(folder, name)
    path = weights_path(folder, name)
    return WeightsError(path, got=error.strerror, expected="a weights file", hint=hint)


def _check(folder: Path, name: str, found: WeightsEntry, head: bytes) -> None:
    entry = read_manifest(folder).get(name)
    if entry is None:
        raise WeightsError(
            folder / MANIFEST,
            got=f"no entry for '{name}'",
            expected="one for every weights file",
            hint="if you trust the file, add the line  "
            f"{name}: {{sha256: {found.sha256}, bytes: {found.bytes}}}",
        )
    if found.sha256 != entry.sha256 or not entry.fits(found):
        kind = kind_of(head)
        raise WeightsError(
            weights_path(folder, name),
            got=found if kind is None else f"{kind}, {found}",
            expected=f"{entry} as in {MANIFEST}",
            hint=f"the file is damaged, or another one: move it away, and {_remedy(folder, name)}",
        )  # fmt: skip


def _remedy(folder: Path, name: str, system: str = "SYSTEM") -> str:
    entries, fetch = read_manifest(folder), FETCH.format(system=system)
    if name in entries and entries[name].url:
        return f"'{fetch}' downloads it"
    if checkpoint := checkpoint_of(entries, name):
        verb = "downloads" if entries[checkpoint].is_known else "says where to find"
        command = CONVERT.format(checkpoint=folder / checkpoint, name=name)
        return f"'{fetch}' {verb} a checkpoint, from which '{command}' makes it"
    if float32 := next((one for one in entries if int8_name(one) == name), None):
        return f"'{_maker(entries, float32)}' makes it"
    return "put the right one there"


def name_for(precision: str, folder: Path, name: str) -> str:
    """The network to load in place of the float32 network `name`.

    `precision` is float32, bf16 (which runs the same file), int8, or auto: int8 if it was made from
    this very float32 file. Raises ConfigError for another word; WeightsError if int8
    is missing or was made from another file.
    """
    if precision not in PRECISIONS:
        expected = f"one of {', '.join(PRECISIONS)}"
        raise ConfigError("precision", got=f"'{precision}'", expected=expected)
    if precision in ("float32", "bf16"):
        return name
    entries, int8 = read_manifest(folder), int8_name(name)
    if int8 not in entries:
        if precision == "auto":
            return name
        raise WeightsError(
            folder / MANIFEST, got=f"no entry for '{int8}'",
            expected="an int8 network beside every float32 one",
            hint=f"make it by '{_maker(entries, name)}'",
        )  # fmt: skip
    parent = entries[name].sha256 if name in entries else "of a file in the manifest"
    if entries[int8].parent == parent:
        return int8
    error = WeightsError(
        int8, got=f"made from another {name}: sha256 {entries[int8].parent}",
        expected=f"sha256 {parent}", hint=f"make it again by '{_maker(entries, name)}'",
    )  # fmt: skip
    if precision == "int8":
        raise error
    log.warning("%s; float32 is used instead", error)
    return name


def _maker(entries: Mapping[str, WeightsEntry], name: str) -> str:
    # The command that makes int8 from a float32 network: converted ones have their own.
    converted = name in entries and entries[name].parent is not None
    if converted or checkpoint_of(entries, name):
        return QUANTISE_CONVERTED.format(name=name)
    return QUANTISE
