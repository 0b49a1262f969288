"""Advisory locks of files, as far as the system and the file system have them."""

import os
import sys
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


def keeps_others_out(file: BinaryIO) -> bool:
    """Whether the lock that this process holds also stops its own reading through another file.

    So it is on SMB shares under Linux, where locks are mandatory (flock(2), CIFS details).
    """
    if sys.platform != "linux":
        return False
    try:
        other = os.open(f"/proc/self/fd/{file.fileno()}", os.O_RDONLY)
        try:
            os.pread(other, 1, 0)
        finally:
            os.close(other)
    except PermissionError:
        return True
    except OSError:  # such as an interrupted read: no sign of a lock
        return False
    return False
