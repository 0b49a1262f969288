"""AU files whose header says 0 bytes, where the format has another word for an unknown length."""

import io
from pathlib import Path
from typing import BinaryIO

SIZE = slice(8, 12)  # of the audio, in the header
UNKNOWN = b"\xff\xff\xff\xff"


def open_for_ffmpeg(path: Path) -> BinaryIO:
    """Open a file, as it would be if a pipe's AU had the right word in its header."""
    file = path.open("rb")
    head = file.read(SIZE.stop)
    file.seek(0)
    if head[:4] != b".snd" or head[SIZE] != bytes(4):
        return file
    file.close()
    return _WithUnknownLength(path)


class _WithUnknownLength(io.FileIO):
    def read(self, size: int | None = -1) -> bytes:
        """Bytes of the file, but for its length."""
        place = self.tell()
        content = bytearray(super().read(-1 if size is None else size))
        for index, byte in enumerate(UNKNOWN, SIZE.start - place):
            if 0 <= index < len(content):
                content[index] = byte
        return bytes(content)
