"""A worker's files: shared folders, received files, and the weights that it keeps."""

import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from mdx.cluster.files import checked, digest, has_digest, link, place_in
from mdx.errors import OutputError
from mdx.files import user_cache, write_atomically
from mdx.systems.spec import MODELS


def store() -> Path:
    """The folder where weights stay, in the user's cache or for want of that a temporary one."""
    try:
        folder = user_cache() / "cluster"
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):  # an existing folder may still be read-only
            return folder
    except (OSError, RuntimeError):  # RuntimeError: there is no home folder
        return Path(tempfile.gettempdir()) / f"mdx-cluster-{os.getpid()}"


def look_for(text: str) -> dict[str, Any]:
    """Which weights of a request (JSON) are missing here, and whether its folders are shared."""
    asked = json.loads(text)
    song, out = asked["song"], asked["out"]
    missing = [
        sha256
        for name, sha256 in asked["system"]["files"].items()
        if _find_weights(name, checked(sha256)) is None
    ]
    return {
        "missing": sorted(set(missing)),
        "song": has_digest(Path(song["path"]), song["sha256"]),
        "out": _sees(Path(out["folder"]), out["probe"]),
    }


def _sees(folder: Path, probe: str) -> bool:
    # The same folder, not just one of the same name, and writable for this user.
    try:
        if not (folder / f"{probe}.probe").is_file():
            return False
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def _find_weights(name: str, sha256: str) -> Path | None:
    here = (store() / "files" / sha256, place_in(MODELS / "weights", name))
    return next((path for path in here if has_digest(path, sha256)), None)


def place_system(asked: dict[str, Any]) -> Path:
    """Write the YAML, the manifest and the weights as on the client; returns the YAML's path."""
    folder = store() / "systems" / checked(asked["sha256"])
    for name, sha256 in asked["files"].items():
        found, place = _find_weights(name, sha256), place_in(folder, name)
        if found and not has_digest(place, sha256):
            link(found, place)
    for name, text in asked["texts"].items():
        path = place_in(folder, name)
        if not path.exists():
            folder.mkdir(parents=True, exist_ok=True)
            write_atomically(path, text)
    return place_in(folder, asked["yaml"])


def append(part: Path, offset: int, data: bytes) -> None:
    """Write the next bytes of a file that is being received; raises OutputError."""
    try:
        part.parent.mkdir(parents=True, exist_ok=True)
        with part.open("r+b" if part.exists() else "xb") as file:
            file.seek(offset)
            file.write(data)
            file.truncate()
    except OSError as error:
        raise OutputError(part.parent, got=error.strerror, expected="room for a song") from error


def keep_file(room: Path, sha256: str, name: str | None) -> None:
    """Verify a file that has come, and give it its place: in the store, or among the song's files.

    Raises OutputError where it is another file, or cannot be kept.
    """
    part = room / f"{sha256}.part"
    found = digest(part)
    if found != sha256:
        part.unlink()
        raise OutputError("file", got=f"sha256 {found} after its way", expected=sha256)
    place = store() / "files" / sha256 if name is None else place_in(room / "song", name)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        draft = place.with_name(f".{room.name}.part")
        shutil.move(part, draft)
        os.replace(draft, place)
    except OSError as error:
        raise OutputError(place, got=error.strerror, expected="a writable file") from error


def read_part(path: Path, offset: int, count: int) -> bytes:
    """A number of bytes of a file from a position on, fewer at its end."""
    with path.open("rb") as file:
        file.seek(offset)
        return file.read(count)
