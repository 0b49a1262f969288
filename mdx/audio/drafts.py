"""Files under temporary names, which a killed process may leave behind."""

import itertools
import os
import re
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path

import mdx.locks as locks
from mdx.files import LEFTOVER as OTHERS
from mdx.files import remove
from mdx.locks import Lock, keeps_others_out, lock

MOST_FOLDERS = 10_000  # to look into
LONGEST = 255 - len("..01234567.part.old")  # bytes of a name that leave room for what is added
STALE = 600.0  # seconds after which a file of mdx.files is no longer being written
LEFTOVER = re.compile(r"\.(?P<name>.+)\.[0-9a-f]{8}\.part(?P<old>\.old)?", re.DOTALL)


def draft_path(path: Path) -> Path:
    """A new temporary name for a file, in the same folder; also for one of the longest names."""
    name = path.name
    while len(os.fsencode(name)) > LONGEST:
        name = name[:-1]
    return path.with_name(f".{name}.{secrets.token_hex(4)}.part")


def refuge_of(draft: Path) -> Path:
    """Where the file that a draft replaces is kept until all drafts are in place."""
    return draft.with_name(f"{draft.name}.old")


def put_in_place(drafts: Mapping[Path, Path]) -> None:
    """Give drafts, by their final paths, their names: all of them, or none; files or folders.

    What was there before is kept until all are in place. Raises OSError.
    """
    kept: dict[Path, Path] = {}
    placed: list[Path] = []
    try:
        for path, draft in drafts.items():
            if path.exists():
                kept[path] = refuge_of(draft)
                os.replace(path, kept[path])
            os.replace(draft, path)
            placed.append(path)
    except BaseException:
        back = [(path, drafts[path]) for path in placed]
        for now, before in [*back, *((old, path) for path, old in kept.items())]:
            with suppress(OSError):  # each as far as possible; one may not have been moved
                os.replace(now, before)
        raise
    for old in kept.values():  # the new ones are in place, whether or not this succeeds
        remove(old)


def claim(draft: Path) -> AbstractContextManager[object]:
    """Create a draft, and keep others from taking it for a leftover while the result is open.

    Raises OSError where it cannot be created.
    """
    file = draft.open("xb")
    if locks.HAS_LOCKS and not (lock(file) is Lock.HELD and keeps_others_out(file)):
        return file
    file.close()  # whoever writes to it opens it anew
    return nullcontext()


def remove_leftovers(folder: Path, *, recursive: bool = False) -> None:
    """Remove the drafts of processes that have died, and restore what one was about to replace.

    With `recursive`, below the folder as well, as far as that is no whole disk; a folder that is
    empty then is removed.
    """
    walk = os.walk(folder, topdown=not recursive)
    for place, _, names in itertools.islice(walk, MOST_FOLDERS if recursive else 1):
        found = [match for name in names if (match := LEFTOVER.fullmatch(name))]
        removed = [_remove(Path(place), match) for match in found]
        removed += [_remove_old(Path(place, name)) for name in names if OTHERS.fullmatch(name)]
        if recursive and any(removed) and Path(place) != folder:
            with suppress(OSError):  # it holds something else
                Path(place).rmdir()


def _remove(folder: Path, found: "re.Match[str]") -> bool:
    path, original = folder / found[0], folder / found["name"]
    with suppress(OSError), abandoned(path) as free:
        if free:
            if found["old"] and not original.exists():
                os.replace(path, original)
            else:
                path.unlink()
        return free
    return False


def _remove_old(path: Path) -> bool:
    # A small file that was being written; nobody claims those, but they take no minutes.
    with suppress(OSError):
        if time.time() - path.stat().st_mtime > STALE:
            path.unlink()
            return True
    return False


@contextmanager
def abandoned(path: Path) -> Iterator[bool]:
    """Whether the process that claimed a draft is gone; raises OSError where the draft is.

    Nobody knows on a file system without locks, or with those of SMB: there it counts as at work.
    """
    if not locks.HAS_LOCKS:
        yield True  # if not, the draft cannot be removed
        return
    with path.open("r+b") as file:  # over NFS only a file that may be written can be locked
        yield lock(file) is Lock.HELD and not keeps_others_out(file)
