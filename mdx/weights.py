"""Names to files: every weights file is named in a manifest and verified before it is used."""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import yaml

from mdx.errors import WeightsError
from mdx.spec import build, read_mapping

MANIFEST = "manifest.yaml"


@dataclass(frozen=True)
class WeightsEntry:
    """What the manifest says of one file."""

    sha256: str
    bytes: int
    made_by: str | None = None  # the command, or where the file comes from


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


def describe(content: bytes, *, made_by: str | None = None) -> WeightsEntry:
    """The manifest entry for these bytes."""
    return WeightsEntry(hashlib.sha256(content).hexdigest(), len(content), made_by)


def register_weights(folder: Path, name: str, *, made_by: str) -> WeightsEntry:
    """Enter a file of the folder into its manifest, replacing an older entry of that name."""
    entry = describe(_inside(folder, name).read_bytes(), made_by=made_by)
    entries = {**_read_manifest(folder), name: entry}
    draft = folder / f".{MANIFEST}.{os.getpid()}.tmp"
    plain = {key: asdict(value) for key, value in sorted(entries.items())}
    draft.write_text(yaml.safe_dump(plain, sort_keys=False, width=100), encoding="utf-8")
    os.replace(draft, folder / MANIFEST)
    return entry


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
