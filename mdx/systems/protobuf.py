"""The wire format of protocol buffers, as far as needed to look into an ONNX file."""

from collections.abc import Iterator

FIXED = {1: 8, 5: 4}  # kinds of fields of a fixed size, in bytes
NUMBER, BYTES = 0, 2
GROUP = (3, 4)  # the obsolete groups, between two keys: their fields count as their parent's
LONGEST = 10  # bytes of a number


def fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Yield each field of a message: its number, and its value.

    A message is a sequence of fields: a key with number and kind, then a number, a fixed number of
    bytes, or a length and that many bytes. Raises ValueError for anything else.
    """
    position = 0
    while position < len(message):
        key, position = _number(message, position)
        kind = key & 7
        if kind == NUMBER:
            value, position = _number(message, position)
            yield key >> 3, value
            continue
        if kind in GROUP:
            continue
        if kind == BYTES:
            size, position = _number(message, position)
        elif kind in FIXED:
            size = FIXED[kind]
        else:
            raise ValueError(f"a field of the kind {kind}")
        start, position = position, position + size
        if position > len(message):
            raise ValueError("a field that is longer than its message")
        yield key >> 3, message[start:position]


def _number(message: memoryview, position: int) -> tuple[int, int]:
    # Seven bits per byte, the lowest first; all bytes but the last have the eighth bit set.
    value = 0
    for index, byte in enumerate(message[position : position + LONGEST]):
        value |= (byte & 0x7F) << 7 * index
        if byte < 0x80:
            return value, position + index + 1
    raise ValueError("a number without an end")
