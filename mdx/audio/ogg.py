"""What an Ogg file's pages say: how many streams there are, and whether the last one ends."""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

HEADER = 27  # bytes of a page before its table of segments
LARGEST = 1 << 16  # bytes of a page, rounded up
FIRST, LAST = 2, 4  # flags of a page


class OggStreams(NamedTuple):
    """The streams of a file, multiplexed or chained."""

    number: int
    has_end: bool  # whether the last page is marked as the last of its stream


def ogg_streams(path: Path) -> OggStreams | None:
    """Read through the pages of an Ogg file; None for any other file.

    Raises OSError if it cannot be read.
    """
    count, flags = 0, 0
    with path.open("rb") as file:
        if file.read(4) != b"OggS":
            return None
        for flags in _flags_of_pages(file):
            count += bool(flags & FIRST)
    return OggStreams(count, bool(flags & LAST))


def _flags_of_pages(file: BinaryIO) -> Iterator[int]:
    place = 0
    while True:
        file.seek(place)
        page = file.read(HEADER + 255)
        if len(page) < HEADER:
            return
        if page[:4] != b"OggS":  # damaged: the next page is searched for
            found = (page + file.read(LARGEST)).find(b"OggS", 1)
            place += found if found > 0 else LARGEST
            continue
        yield page[5]
        segments = page[26]
        place += HEADER + segments + sum(page[HEADER : HEADER + segments])
