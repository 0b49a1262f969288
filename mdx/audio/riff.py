"""WAV files whose header does not know their length, as pipes and aborted recordings leave them."""

import os
from pathlib import Path
from typing import BinaryIO

UNKNOWN = 0x7FFF0000  # sizes from here on mean that a pipe did not know the length
APPENDED = 1 << 12  # bytes: a few more than the header states are not audio
TAGS = (b"TAG", b"ID3", b"APET")
MOST_CHUNKS = 1000  # chunks to look at: a file of nothing else would take minutes
LARGEST = 1 << 32  # bytes that a plain WAV's size fields can express


def has_unknown_length(path: Path) -> bool:
    """Whether the data of a WAV reach to the end of the file, whatever their size says.

    This is so for a size of 0 or of the first part only, for one written by a pipe, and for one
    that overflowed in a file of more than 4 GiB. Raises OSError if the file cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(12)
        if head[:4] not in (b"RIFF", b"RF64", b"BW64") or head[8:] != b"WAVE":
            return False
        end = os.fstat(file.fileno()).st_size
        large = 0
        for _ in range(MOST_CHUNKS):
            header = file.read(8)
            size = int.from_bytes(header[4:], "little")
            start = file.tell()
            if header[:4] == b"ds64":
                large = int.from_bytes(file.read(16)[8:], "little")
            elif header[:4] == b"data":
                if head[:4] != b"RIFF" and size == LARGEST - 1:
                    size = large
                elif end >= LARGEST:
                    return True
                if start + size > end:
                    return size >= UNKNOWN
                return not _holds_chunks(file, start + size + size % 2, end, empty=size == 0)
            file.seek(start + size + size % 2)
    return False


def _holds_chunks(file: BinaryIO, start: int, end: int, *, empty: bool) -> bool:
    # Whether only further chunks follow, or something that was appended: a tag, zeros.
    for _ in range(MOST_CHUNKS):
        if end - start < 8:
            break
        file.seek(start)
        header = file.read(8)
        if not (header[:4].isascii() and header[:4].decode("ascii").isprintable()):
            small = end - start < APPENDED or not any(header)
            return small and not empty
        if header.startswith(TAGS):
            return True
        start += 8 + int.from_bytes(header[4:], "little")
        start += start % 2
    return start <= end + 1
