"""The length of an MP3, from the header that encoders hide in its first frame."""

from pathlib import Path

TAG_SIZE = (21, 14, 7, 0)  # an ID3 tag's size has seven bits a byte
LAME = 120  # bytes after a Xing header's name, at most, and then delay and padding


def promised_samples(path: Path) -> int | None:
    """Samples by an MP3's Xing, Info or VBRI header, without delay and padding; None without one.

    Raises OSError if the file cannot be read. Source: the descriptions of these headers by Xing,
    Fraunhofer and LAME.
    """
    with path.open("rb") as file:
        head = file.read(10)
        start = 0
        if head[:3] == b"ID3" and len(head) == 10:
            start = 10 + sum(b << n for b, n in zip(head[6:], TAG_SIZE, strict=True))
        file.seek(start)
        first = file.read(1 << 9)
    sync = first.find(b"\xff")
    if sync < 0 or len(first) < sync + 4:
        return None
    samples = 1152 if first[sync + 1] & 8 else 576  # of a frame: MPEG 1, or 2 and 2.5
    for name in (b"Xing", b"Info"):
        place = first.find(name)
        if place >= 0 and len(first) >= place + 12 and first[place + 7] & 1:
            frames = int.from_bytes(first[place + 8 : place + 12])
            return max(0, samples * frames - _delay_and_padding(first[place + LAME :]))
    place = first.find(b"VBRI")
    if place >= 0 and len(first) >= place + 18:
        return samples * int.from_bytes(first[place + 14 : place + 18])
    return None


def _delay_and_padding(tag: bytes) -> int:
    if len(tag) < 24 or tag[:4] not in (b"LAME", b"Lavf", b"Lavc"):
        return 0
    both = int.from_bytes(tag[21:24])
    return (both >> 12) + (both & 0xFFF)
