"""WAV files whose header does not know their length, as a pipe or a recorder that died leaves."""

import os
from pathlib import Path
from typing import BinaryIO

UNKNOWN = 0x7FFF0000  # sizes from here on are a pipe's way to say that it did not know
LARGEST = 1 << 32  # bytes that a plain WAV's size fields can express


def has_unknown_length(path: Path) -> bool:
    """Whether the data of a WAV reach to the end of the file, whatever their size says.

    So it is with a size of 0 before data, with one that a pipe writes, and with one that has
    overflowed in a file of more than 4 GiB. Raises OSError where the file cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(12)
        if head[:4] not in (b"RIFF", b"RF64", b"BW64") or head[8:] != b"WAVE":
            return False
        end = os.fstat(file.fileno()).st_size
        large = 0
        while len(header := file.read(8)) == 8:
            size = int.from_bytes(header[4:], "little")
            start = file.tell()
            if header[:4] == b"ds64":
                large = int.from_bytes(file.read(16)[8:], "little")
            elif header[:4] == b"data":
                if head[:4] != b"RIFF" and size == LARGEST - 1:
                    size = large
                elif end >= LARGEST:
                    return True
                pipe = size >= UNKNOWN and start + size > end
                return pipe or (size == 0 and not _holds_chunks(file, start, end))
            file.seek(start + size + size % 2)
    return False


def _holds_chunks(file: BinaryIO, start: int, end: int) -> bool:
    # Whether nothing but further chunks, or nothing at all, follows.
    while end - start >= 8:
        file.seek(start)
        header = file.read(8)
        if not (header[:4].isascii() and header[:4].decode("ascii").isprintable()):
            return False
        start += 8 + int.from_bytes(header[4:], "little")
        start += start % 2
    return start <= end + 1
