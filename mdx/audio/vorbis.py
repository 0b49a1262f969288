"""Writes comments into an Ogg Vorbis file without changing its audio.

FFmpeg can copy such a file with new tags, but gets the pages' positions wrong.
"""

import itertools
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO

from mdx.audio.ogg import HEADER

# Vorbis names of tags that FFmpeg names differently.
NAMES: Mapping[str, str] = MappingProxyType({
    "track": "TRACKNUMBER", "disc": "DISCNUMBER", "album_artist": "ALBUMARTIST",
})  # fmt: skip
REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
COMMENT = b"\x03vorbis"


def copy_with_comments(source: Path, target: Path, comments: Mapping[str, str]) -> None:
    """Copy an Ogg Vorbis file, replacing its comments.

    Raises OSError if it cannot be written. Source: the Vorbis I specification, 4.2 and A.2.
    """
    with source.open("rb") as given, target.open("wb") as file:
        pages = _pages(given)
        first = next(pages)  # it identifies the stream, and nothing else
        vendor, setup = _headers(pages)
        headers = _laid_out([_comment(vendor, comments), setup], serial=first[14:18])
        for number, page in enumerate(itertools.chain([first], headers, pages)):
            file.write(_numbered(page, number))


def _pages(file: BinaryIO) -> Iterator[bytes]:
    while len(head := file.read(HEADER)) == HEADER:
        table = file.read(head[26])
        yield head + table + file.read(sum(table))


def _headers(pages: Iterator[bytes]) -> tuple[bytes, bytes]:
    # The vendor's name, and the packet of codebooks, which ends a page.
    content, ends = b"", list[int]()
    while len(ends) < 2:
        page = next(pages)
        table = page[HEADER : HEADER + page[26]]
        place = len(content)
        for size in table:
            place += size
            if size < 255:
                ends.append(place)
        content += page[HEADER + len(table) :]
    start = len(COMMENT)
    size = int.from_bytes(content[start : start + 4], "little")
    return content[start + 4 : start + 4 + size], content[ends[0] : ends[1]]


def _comment(vendor: bytes, comments: Mapping[str, str]) -> bytes:
    lines = [f"{NAMES.get(key, key.upper())}={text}".encode() for key, text in comments.items()]
    fields = [vendor, *lines]
    sized = [len(field).to_bytes(4, "little") + field for field in fields]
    return COMMENT + sized[0] + len(lines).to_bytes(4, "little") + b"".join(sized[1:]) + b"\1"


def _laid_out(packets: list[bytes], *, serial: bytes) -> Iterator[bytes]:
    # Pages of at most 255 segments of 255 bytes; a packet ends with a shorter one.
    sizes = [size for packet in packets for size in _segments(len(packet))]
    content, goes_on = b"".join(packets), False
    while sizes:
        table, sizes = bytes(sizes[:255]), sizes[255:]
        body, content = content[: sum(table)], content[sum(table) :]
        ended = any(size < 255 for size in table)
        position = (0 if ended else -1).to_bytes(8, "little", signed=True)
        head = b"OggS\0" + bytes([goes_on]) + position + serial + bytes(8) + bytes([len(table)])
        yield head + table + body
        goes_on = table[-1] == 255


def _segments(size: int) -> list[int]:
    return [*[255] * (size // 255), size % 255]


def _numbered(page: bytes, number: int) -> bytes:
    page = page[:18] + number.to_bytes(4, "little") + bytes(4) + page[26:]
    # zlib's polynomial, but neither reflected nor inverted.
    reflected = zlib.crc32(page.translate(REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return page[:22] + int(f"{reflected:032b}"[::-1], 2).to_bytes(4, "little") + page[26:]
