"""Names to files: every weights file is named in a manifest and verified before it is used."""

import hashlib
import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import yaml

from mdx.errors import ConfigError, WeightsError
from mdx.spec import build, read_mapping

log = logging.getLogger(__name__)
MANIFEST = "manifest.yaml"
QUANTISE = "python -m models.quantize SYSTEM --data FOLDER"
PRECISIONS = ("float32", "int8", "auto")


@dataclass(frozen=True)
class WeightsEntry:
    """What the manifest says of one file."""

    sha256: str
    bytes: int
    made_by: str | None = None  # the command, or where the file comes from
    parent: str | None = None  # sha256 of the float32 file that an int8 file was made from
    loss: float | None = None  # dB of SDR that int8 loses against it, on calibration songs
    data: str | None = None  # what it was trained on
    config: str | None = None  # how: a name from training/configs, or the file's
    commit: str | None = None  # of this repository
    score: float | None = None  # dB of SDR on the songs held out for validation


def read_weights(folder: Path, name: str) -> bytes:
    """Read one weights file, whose size and sha256 must be those in the folder's manifest.

    Returns its bytes, so that what was verified is what is used. Raises WeightsError where the
    manifest does not name the file, or the file is missing or another one.
    """
    path = _inside(folder, name)
    entry = _read_manifest(folder).get(name)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise WeightsError(
            path, got=error.strerror, expected="a weights file", hint="put the file there"
        ) from error
    found = describe(content)
    if entry is None:
        raise WeightsError(
            folder / MANIFEST,
            got=f"no entry for '{name}'",
            expected="one for every weights file",
            hint="if you trust the file, add the line  "
            f"{name}: {{sha256: {found.sha256}, bytes: {found.bytes}}}",
        )
    if (found.sha256, found.bytes) != (entry.sha256, entry.bytes):
        raise WeightsError(
            path,
            got=f"sha256 {found.sha256} ({found.bytes} bytes)",
            expected=f"sha256 {entry.sha256} ({entry.bytes} bytes) as in {MANIFEST}",
            hint="the file is damaged or not the one named: fetch it again",
        )
    return content


def describe(content: bytes) -> WeightsEntry:
    """The manifest entry for these bytes."""
    return WeightsEntry(hashlib.sha256(content).hexdigest(), len(content))


def int8_name(name: str) -> str:
    """Where the int8 network that was made from a float32 one lies: beside it."""
    return f"{name.removesuffix('.onnx')}.int8.onnx"


def name_for(precision: str, folder: Path, name: str) -> str:
    """The network to load in place of the float32 network `name`.

    `precision` is float32, int8, or auto: int8 where it was made from this very float32 file.
    Raises ConfigError for another word; WeightsError where int8 is not there or made from another
    file.
    """
    if precision not in PRECISIONS:
        expected = f"one of {', '.join(PRECISIONS)}"
        raise ConfigError("precision", got=f"'{precision}'", expected=expected)
    if precision == "float32":
        return name
    entries, int8 = _read_manifest(folder), int8_name(name)
    if int8 not in entries:
        if precision == "auto":
            return name
        raise WeightsError(
            folder / MANIFEST, got=f"no entry for '{int8}'",
            expected="an int8 network for every source", hint=f"make it by '{QUANTISE}'",
        )  # fmt: skip
    parent = entries[name].sha256 if name in entries else "of a file in the manifest"
    if entries[int8].parent == parent:
        return int8
    error = WeightsError(
        int8, got=f"made from another {name}: sha256 {entries[int8].parent}",
        expected=f"sha256 {parent}", hint=f"make it again by '{QUANTISE}'",
    )  # fmt: skip
    if precision == "int8":
        raise error
    log.warning("%s; float32 takes its place", error)
    return name


def register_weights(
    folder: Path, name: str, *, made_by: str, parent: str | None = None, loss: float | None = None,
    data: str | None = None, config: str | None = None, commit: str | None = None,
    score: float | None = None,
) -> WeightsEntry:  # fmt: skip
    """Enter a file of the folder into its manifest, replacing an older entry of that name."""
    entry = replace(
        describe(_inside(folder, name).read_bytes()), made_by=made_by, parent=parent, loss=loss,
        data=data, config=config, commit=commit, score=score,
    )  # fmt: skip
    draft = folder / f".{MANIFEST}.{os.getpid()}.tmp"
    with _alone(folder):
        entries = {**_read_manifest(folder), name: entry}
        plain = {
            key: {word: value for word, value in asdict(entry).items() if value is not None}
            for key, entry in sorted(entries.items())
        }
        draft.write_text(yaml.safe_dump(plain, sort_keys=False, width=100), encoding="utf-8")
        os.replace(draft, folder / MANIFEST)
    return entry


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    # Separators that are trained side by side register their files in one manifest.
    try:
        import fcntl
    except ImportError:  # Windows
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _read_manifest(folder: Path) -> Mapping[str, WeightsEntry]:
    path = folder / MANIFEST
    if not path.exists() or not path.read_text(encoding="utf-8").strip():
        return {}
    return {
        name: build(WeightsEntry, value, f"{path}: {name}")
        for name, value in read_mapping(path).items()
    }


def _inside(folder: Path, name: str) -> Path:
    path = (folder / name.replace("\0", "")).resolve()
    if "\0" in name or not path.is_relative_to(folder.resolve()) or path == folder.resolve():
        raise WeightsError(
            "weights", got=repr(name), expected=f"the name of a file inside {folder}"
        )
    return path
