"""Names to files: every weights file is named in a manifest and verified before it is used."""

import hashlib
import logging
import mmap
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import yaml

from mdx.errors import ConfigError, WeightsError
from mdx.systems.file_kinds import HEAD, check_whole, kind_of
from mdx.systems.mappings import build, read_mapping
from mdx.systems.spec import require

log = logging.getLogger(__name__)
MANIFEST = "manifest.yaml"
QUANTISE = "python -m models.quantize SYSTEM --data FOLDER"
FETCH = "python -m models.fetch SYSTEM"
CONVERT = "python -m models.convert {checkpoint} --out {name}"
QUANTISE_COMPANION = "python -m models.convert --int8 {name}"
PRECISIONS = ("float32", "int8", "auto")


@dataclass(frozen=True)
class WeightsEntry:
    """What the manifest says of one file."""

    sha256: str  # 64 digits; fewer where no more was published, until the file is fetched
    bytes: int | None = None
    made_by: str | None = None  # the command, or where the file comes from
    parent: str | None = None  # sha256 of the float32 file that an int8 file was made from
    loss: float | None = None  # dB of SDR that int8 loses against it, on calibration songs
    data: str | None = None  # what it was trained on
    config: str | None = None  # how: a name from training/configs, or the file's
    commit: str | None = None  # of this repository
    score: float | None = None  # dB of SDR on the songs held out for validation
    url: str | None = None  # where a file that is not in git is fetched from
    member: str | None = None  # its name in the zip that lies there
    archive_bytes: int | None = None  # of that zip
    archive_md5: str | None = None  # of that zip, as the place that has it gives it
    mirror: str | None = None  # a second place, where the file lies by itself
    licence: str | None = None  # what its authors say of the weights
    becomes: str | None = None  # of a checkpoint: the ONNX file that it is converted to

    def __post_init__(self) -> None:
        digest = re.fullmatch("[0-9a-f]{8,64}", self.sha256)
        require(digest is not None, "sha256", repr(self.sha256), "8 to 64 hex digits")

    def __str__(self) -> str:
        size = "" if self.bytes is None else f" ({self.bytes} bytes)"
        digits = "" if len(self.sha256) == 64 else "..."
        return f"sha256 {self.sha256}{digits}{size}"

    def fits(self, found: "WeightsEntry") -> bool:
        """Whether a file is the one meant, as far as the entry tells."""
        return found.sha256.startswith(self.sha256) and self.bytes in (None, found.bytes)


def read_weights(folder: Path, name: str) -> bytes:
    """Read one weights file, whose size and sha256 must be those in the folder's manifest.

    Returns its bytes, so that what was verified is what is used. Raises WeightsError where the
    manifest does not name the file, or the file is missing or another one.
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
    """The path of a verified weights file, for a reader that opens it by itself.

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
    # On POSIX the last is the time of the last change, which no program can put back.
    return now.st_dev, now.st_ino, now.st_size, now.st_mtime_ns, now.st_ctime_ns


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
            hint="the file is damaged or not the one named: fetch it again"
            if kind is None else _remedy(folder, name),
        )  # fmt: skip


def checkpoint_of(entries: Mapping[str, WeightsEntry], name: str) -> str | None:
    """The checkpoint that a file is converted from, where the manifest names one."""
    return next((key for key, entry in entries.items() if entry.becomes == name), None)


def _remedy(folder: Path, name: str) -> str:
    entries = read_manifest(folder)
    if name in entries and entries[name].url:
        return f"'{FETCH}' brings it"
    if checkpoint := checkpoint_of(entries, name):
        command = CONVERT.format(checkpoint=folder / checkpoint, name=name)
        return f"make it by '{FETCH}' and then '{command}'"
    return "put the file there"


def describe(content: bytes) -> WeightsEntry:
    """The manifest entry for these bytes."""
    return WeightsEntry(hashlib.sha256(content).hexdigest(), len(content))


def describe_file(path: Path) -> WeightsEntry:
    """The manifest entry for a file of any size; raises OSError where it cannot be read."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return WeightsEntry(digest, path.stat().st_size)


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
    log.warning("%s; float32 takes its place", error)
    return name


def _maker(entries: Mapping[str, WeightsEntry], name: str) -> str:
    # The command that makes int8 of a float32 network: those that are converted are companions.
    converted = name in entries and entries[name].parent is not None
    if converted or checkpoint_of(entries, name):
        return QUANTISE_COMPANION.format(name=name)
    return QUANTISE


def register_weights(
    folder: Path, name: str, *, made_by: str, parent: str | None = None, loss: float | None = None,
    data: str | None = None, config: str | None = None, commit: str | None = None,
    score: float | None = None,
) -> WeightsEntry:  # fmt: skip
    """Enter a file of the folder into its manifest, replacing an older entry of that name."""
    content = weights_path(folder, name).read_bytes()
    entry = replace(
        describe(content), made_by=made_by, parent=parent, loss=loss, data=data, config=config,
        commit=commit, score=score,
    )  # fmt: skip
    write_entry(folder, name, entry)
    return entry


def write_entry(folder: Path, name: str, entry: WeightsEntry) -> None:
    """Enter what is known of a file into its folder's manifest, in place of an older entry."""
    draft = folder / f".{MANIFEST}.{os.getpid()}.tmp"
    with _alone(folder):
        entries = {**read_manifest(folder), name: entry}
        plain = {
            key: {word: value for word, value in asdict(entry).items() if value is not None}
            for key, entry in sorted(entries.items())
        }
        draft.write_text(yaml.safe_dump(plain, sort_keys=False, width=100), encoding="utf-8")
        os.replace(draft, folder / MANIFEST)


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


def read_manifest(folder: Path) -> Mapping[str, WeightsEntry]:
    """All entries of a folder's manifest by name; raises ConfigError where it is not valid."""
    path = folder / MANIFEST
    if not path.exists() or (path.is_file() and not path.read_bytes().strip()):
        return {}
    return {
        name: build(WeightsEntry, value, f"{path}: {name}")
        for name, value in read_mapping(path).items()
    }


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
