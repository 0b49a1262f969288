"""Advisory locks of files, as far as the system and the file system have them."""

from enum import Enum
from typing import BinaryIO

try:
    import fcntl
except ImportError:  # Windows, where no file can be moved or removed that a process has open
    HAS_LOCKS = False
else:
    HAS_LOCKS = True


class Lock(Enum):
    """The outcome of locking a file."""

    HELD = "held"  # until the file is closed, or the process dies
    BUSY = "busy"  # another process has it
    NONE = "none"  # this system or this file system has no locks


def lock(file: BinaryIO | int, *, wait: bool = False) -> Lock:
    """Lock an open file or descriptor; with `wait`, as soon as no other process has it.

    Over NFS only what may be written can be locked.
    """
    if not HAS_LOCKS:
        return Lock.NONE
    try:
        fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return Lock.BUSY
    except OSError:
        return Lock.NONE
    return Lock.HELD
