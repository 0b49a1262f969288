"""Networks that OpenVINO has compiled, kept for the next start and verified before use."""

import hashlib
import json
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mdx.errors import OutputError
from mdx.files import user_cache, write_atomically
from mdx.locks import Lock, lock

DIGESTS = "sha256.json"  # digests of the blobs in the same folder, by name
LOCK = "lock"
PATIENCE = 60.0  # seconds that another process may take to compile
POLL = 0.05  # seconds


@contextmanager
def compiled_cache(graph: bytes, settings: object = None) -> Iterator[Path | None]:
    """The folder in which a network's compiled form is kept; None if there cannot be one.

    On entry it contains exactly what an earlier call left: a blob that has changed is removed, so
    that the network is compiled anew. The folder belongs to this network and these
    settings alone; on exit, what was compiled meanwhile is noted down. Processes enter one after
    another: OpenVINO maps blobs into memory and writes them in place, so that one that is written
    anew would end every process that is reading it. It guards against damage, not against somebody
    who may write there.

        with compiled_cache(graph, settings) as folder:
            cached = {} if folder is None else {"CACHE_DIR": str(folder)}
            compiled = core.compile_model(model, "CPU", {**settings, **cached})
    """
    folder = _folder(hashlib.sha256(graph + repr(settings).encode()).hexdigest())
    if folder is None:
        yield None
        return
    with _alone(folder) as alone:
        if not alone:
            yield None
            return
        with suppress(OSError):
            _remove_changed(folder)
        yield folder
        with suppress(OSError, OutputError):
            _note(folder)


@contextmanager
def _alone(folder: Path) -> Iterator[bool]:
    # Whether this process alone is inside; a process that dies gives up its place.
    try:
        file = (folder / LOCK).open("ab")
    except OSError:
        yield False
        return
    until = time.monotonic() + PATIENCE
    with file:
        while (found := lock(file)) is Lock.BUSY and time.monotonic() < until:
            time.sleep(POLL)
        yield found is Lock.HELD


def _folder(key: str) -> Path | None:
    try:
        folder = user_cache() / "openvino" / key[:32]
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):  # an existing folder may still be read-only
            return folder
    except (OSError, RuntimeError):  # RuntimeError: there is no home folder
        return None


def _blobs(folder: Path) -> dict[str, str]:
    found = {}
    for path in folder.iterdir():
        if path.name not in (DIGESTS, LOCK) and path.is_file():
            with path.open("rb") as file:
                found[path.name] = hashlib.file_digest(file, "sha256").hexdigest()
    return found


def _remove_changed(folder: Path) -> None:
    try:
        noted = json.loads((folder / DIGESTS).read_text(encoding="ascii"))
    except (OSError, ValueError):
        noted = {}
    for name, digest in _blobs(folder).items():
        if not isinstance(noted, dict) or noted.get(name) != digest:
            (folder / name).unlink()


def _note(folder: Path) -> None:
    write_atomically(folder / DIGESTS, json.dumps(_blobs(folder)))
