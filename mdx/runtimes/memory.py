"""Process-wide settings that save memory, for programs to opt in to."""

import ctypes
from contextlib import suppress

from mdx.runtimes.onnx import share_arena

M_MMAP_THRESHOLD = -3  # from malloc.h


def save_memory(*, give_back: bool = False) -> None:
    """Make this process hold less memory from now on; call it before loading a system.

    All networks of onnxruntime share one arena. With `give_back` glibc also returns freed blocks of
    a megabyte or more to the system; by default it keeps ever larger ones. That takes some time,
    which is worth it beside a network of a gigabyte (mdx.estimators.front_ends.is_heavy).
    """
    share_arena()
    if give_back:
        with suppress(OSError, AttributeError):
            glibc = ctypes.CDLL("libc.so.6")
            glibc.mallopt(M_MMAP_THRESHOLD, 1 << 20)
            glibc.malloc_trim(0)
