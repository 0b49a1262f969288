"""The catalogue of sample packs: content and origin of each, and a check of installed ones."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import yaml

from demo.errors import DemoError

CATALOGUE = Path(__file__).with_name("catalogue.yaml")
KINDS = ("soundfont", "drums", "strums", "takes")
OPTIONAL = {"rate", "without"}  # fields that an entry may omit
_BLOCK = 1 << 20  # bytes per read


@dataclass(frozen=True)
class Pack:
    """Recordings of one origin under one licence. Raises DemoError for an incomplete entry."""

    name: str
    kind: str  # one of KINDS
    source: str  # the package that contains it
    version: str
    folder: Path
    files: tuple[str, ...]  # patterns of the files used, below the folder
    sha256: str  # of all these files together
    licence: str
    attribution: str
    rate: int = 0  # Hz of its files; 0 for a SoundFont, which has several
    without: tuple[str, ...] = ()  # patterns of files that cannot be used

    def __post_init__(self) -> None:
        for field in fields(self):
            if field.name not in OPTIONAL and not getattr(self, field.name):
                got = f"no {field.name}"
                raise DemoError(f"pack {self.name}", got=got, expected="one, as every pack has")
        if self.kind not in KINDS:
            expected = f"one of {', '.join(KINDS)}"
            raise DemoError(f"kind of pack {self.name}", got=repr(self.kind), expected=expected)

    def find_files(self) -> tuple[Path, ...]:
        """The files used, sorted by name; none if the pack is missing."""
        found = {path for pattern in self.files for path in self.folder.glob(pattern)}
        left_out = {path for pattern in self.without for path in self.folder.glob(pattern)}
        return tuple(sorted(found - left_out))

    def check(self) -> None:
        """Raise DemoError if the files are not those of the catalogue."""
        found = hash_files(self.folder, self.find_files())
        if found != self.sha256:
            raise DemoError(
                f"pack {self.name} in {self.folder}", got=f"sha256 {found[:12]}...",
                expected=f"{self.sha256[:12]}..., of {self.source} {self.version}",
                hint="install that version",
            )  # fmt: skip


def read_catalogue(path: Path = CATALOGUE) -> tuple[Pack, ...]:
    """All packs of a catalogue; raises DemoError for an entry without a licence, for instance."""
    try:
        entries = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise DemoError(path, got=error, expected="a catalogue of packs") from error
    return tuple(_build(name, entry, path) for name, entry in entries.items())


def find_packs(packs: tuple[Pack, ...]) -> tuple[tuple[Pack, ...], tuple[Pack, ...]]:
    """The packs that are installed, each verified, and those that are not.

    Raises DemoError if a pack is installed in another version.
    """
    installed = tuple(pack for pack in packs if pack.find_files())
    for pack in installed:
        pack.check()
    return installed, tuple(pack for pack in packs if pack not in installed)


def hash_files(folder: Path, files: tuple[Path, ...]) -> str:
    """A single SHA-256 of the names and contents of files below a folder."""
    total = hashlib.sha256()
    for path in files:
        one = hashlib.sha256()
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                one.update(block)
        total.update(f"{path.relative_to(folder)} {one.hexdigest()}\n".encode())
    return total.hexdigest()


def _build(name: str, entry: Mapping[str, Any], path: Path) -> Pack:
    known = {field.name for field in fields(Pack)} - {"name"}
    missing = sorted(known - OPTIONAL - set(entry))
    unknown = sorted(set(entry) - known)
    if missing or unknown:
        wrong = f"no {missing[0]}" if missing else f"unknown key {unknown[0]}"
        raise DemoError(f"{path}: pack {name}", got=wrong, expected=", ".join(sorted(known)))
    values = {**entry, "folder": Path(entry["folder"]), "files": tuple(entry["files"])}
    values["without"] = tuple(entry.get("without", ()))
    return Pack(name=name, **values)
