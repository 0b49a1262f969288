"""The manifest of a folder of weights: the sha256 and the origin of each file."""

import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import yaml

from mdx.errors import WeightsError
from mdx.files import write_atomically
from mdx.locks import HAS_LOCKS, lock
from mdx.systems.mappings import build, read_mapping
from mdx.systems.spec import require

MANIFEST = "manifest.yaml"
UNKNOWN = "unknown"  # the sha256 of a released file for which none was published


@dataclass(frozen=True)
class WeightsEntry:
    """The manifest's entry for one file."""

    sha256: str  # 64 digits; fewer, or UNKNOWN, if no more were published
    bytes: int | None = None
    made_by: str | None = None  # the command, or the origin of the file
    parent: str | None = None  # sha256 of the float32 file that an int8 file was made from
    loss: float | None = None  # dB of SDR that int8 loses against it, on calibration songs
    data: str | None = None  # its training data
    attribution: str | None = None  # of recordings in these, as their licences ask for
    config: str | None = None  # how: a name from training/configs, or the file's
    commit: str | None = None  # of this repository
    score: float | None = None  # dB of SDR on the songs held out for validation
    url: str | None = None  # where a file that is not in git is fetched from
    member: str | None = None  # its name in the zip at the URL
    archive_bytes: int | None = None  # of that zip
    archive_md5: str | None = None  # of that zip, as published there
    mirror: str | None = None  # a second URL, of the file itself
    licence: str | None = None  # as stated by the authors of the weights
    becomes: str | None = None  # of a checkpoint: the ONNX file that it is converted to

    def __post_init__(self) -> None:
        digest = re.fullmatch(f"[0-9a-f]{{8,64}}|{UNKNOWN}", self.sha256)
        expected = f"8 to 64 hex digits, or {UNKNOWN}"
        require(digest is not None, "sha256", repr(self.sha256), expected)

    def __str__(self) -> str:
        size = "" if self.bytes is None else f" ({self.bytes} bytes)"
        digits = "" if len(self.sha256) == 64 or not self.is_known else "..."
        return f"sha256 {self.sha256}{digits}{size}"

    @property
    def is_known(self) -> bool:
        """Whether it can verify a file."""
        return self.sha256 != UNKNOWN

    def fits(self, found: "WeightsEntry") -> bool:
        """Whether a file matches the entry; never if its sha256 is unknown."""
        return (
            self.is_known
            and found.sha256.startswith(self.sha256)
            and self.bytes in (None, found.bytes)
        )


def read_manifest(folder: Path) -> Mapping[str, WeightsEntry]:
    """All entries of a folder's manifest by name; raises ConfigError if it is not valid."""
    path = folder / MANIFEST
    if not path.exists() or (path.is_file() and not path.read_bytes().strip()):
        return {}
    return {
        name: build(WeightsEntry, value, f"{path}: {name}")
        for name, value in read_mapping(path).items()
    }


def checkpoint_of(entries: Mapping[str, WeightsEntry], name: str) -> str | None:
    """The checkpoint from which a file is converted, if the manifest names one."""
    return next((key for key, entry in entries.items() if entry.becomes == name), None)


def describe(content: bytes) -> WeightsEntry:
    """The manifest entry for these bytes."""
    return WeightsEntry(hashlib.sha256(content).hexdigest(), len(content))


def describe_file(path: Path) -> WeightsEntry:
    """The manifest entry for a file of any size; raises OSError if it cannot be read."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return WeightsEntry(digest, path.stat().st_size)


def int8_name(name: str) -> str:
    """The name of the int8 version of a network, in the same folder."""
    return f"{name.removesuffix('.onnx')}.int8.onnx"


def register_weights(
    folder: Path, name: str, *, made_by: str, parent: str | None = None, loss: float | None = None,
    data: str | None = None, attribution: str | None = None, config: str | None = None,
    commit: str | None = None, score: float | None = None,
) -> WeightsEntry:  # fmt: skip
    """Enter a file of the folder into its manifest, replacing an older entry of that name."""
    content = weights_path(folder, name).read_bytes()
    entry = replace(
        describe(content), made_by=made_by, parent=parent, loss=loss, data=data,
        attribution=attribution, config=config, commit=commit, score=score,
    )  # fmt: skip
    write_entry(folder, name, entry)
    return entry


def write_entry(folder: Path, name: str, entry: WeightsEntry) -> None:
    """Write a file's entry to its folder's manifest, replacing an older one."""
    with _alone(folder):
        entries = {**read_manifest(folder), name: entry}
        plain = {
            key: {word: value for word, value in asdict(entry).items() if value is not None}
            for key, entry in sorted(entries.items())
        }
        write_atomically(folder / MANIFEST, yaml.safe_dump(plain, sort_keys=False, width=100))


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    # Separators that are trained side by side register their files in one manifest.
    if not HAS_LOCKS:  # there, a folder cannot be opened either
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY)  # no other file should stay beside the weights
    try:
        lock(descriptor, wait=True)
        yield
    finally:
        os.close(descriptor)


def weights_path(folder: Path, name: str) -> Path:
    """The path of a weights file; raises WeightsError where the name leaves the folder.

    A link in the folder is followed, wherever it leads: the file is verified, not its place.
    """
    root = os.path.abspath(folder)  # noqa: PTH100 - as it is called: links are not resolved
    path = Path(os.path.normpath(os.path.join(root, name.replace("\0", ""))))  # noqa: PTH118
    if "\0" in name or not path.is_relative_to(root) or path == Path(root):
        raise WeightsError(
            "weights", got=repr(name), expected=f"the name of a file inside {folder}"
        )
    return path
