"""Settings by which a whole process holds less memory, for a program to ask for."""

import ctypes
from contextlib import suppress

from mdx.runtimes.onnx import share_arena

M_MMAP_THRESHOLD = -3  # as malloc.h has it


def save_memory(*, give_back: bool = False) -> None:
    """Have this process hold less memory from now on; to be called before a system is loaded.

    All networks of onnxruntime share one arena. With `give_back` the C library, where it is glibc,
    also gives blocks of a megabyte and more back to the system once they are freed: of its own
    accord it keeps ever larger ones. That takes some time, which is worth it beside a network of a
    gigabyte (mdx.estimators.front_ends.is_heavy).
    """
    share_arena()
    if give_back:
        with suppress(OSError, AttributeError):
            glibc = ctypes.CDLL("libc.so.6")
            glibc.mallopt(M_MMAP_THRESHOLD, 1 << 20)
            glibc.malloc_trim(0)
