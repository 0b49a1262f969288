"""AU files whose header says 0 bytes instead of the format's own mark for an unknown length."""

import io
from pathlib import Path
from typing import BinaryIO

SIZE = slice(8, 12)  # of the audio, in the header
UNKNOWN = b"\xff\xff\xff\xff"


def open_for_ffmpeg(path: Path) -> BinaryIO:
    """Open a file as if its header had the right mark, which some programs omit when piping."""
    file = path.open("rb")
    head = file.read(SIZE.stop)
    file.seek(0)
    if head[:4] != b".snd" or head[SIZE] != bytes(4):
        return file
    file.close()
    return _WithUnknownLength(path)


class _WithUnknownLength(io.FileIO):
    def read(self, size: int | None = -1) -> bytes:
        """The file's bytes, except for its length field."""
        place = self.tell()
        content = bytearray(super().read(-1 if size is None else size))
        for index, byte in enumerate(UNKNOWN, SIZE.start - place):
            if 0 <= index < len(content):
                content[index] = byte
        return bytes(content)
