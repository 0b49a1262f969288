"""PCM in any container, FLAC, and Vorbis in one stream, through libsndfile."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import soundfile as sf

from mdx.audio.decoder import BLOCK, DecodeError, Promise
from mdx.audio.layouts import usual_positions
from mdx.audio.ogg import ogg_streams
from mdx.audio.riff import UNKNOWN, has_unknown_length
from mdx.audio.soundfiles import open_sound
from mdx.systems.spec import CHANNELS, Audio

PLAIN = (
    "PCM_S8", "PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW",
    "ALAC_16", "ALAC_20", "ALAC_24", "ALAC_32",  # lossless as well
)  # fmt: skip
RIFF = ("WAV", "WAVEX", "RF64")
LEFT = 1 << 16  # bytes at the end of a FLAC that need not be audio
ENDLESS = 1 << 62  # frames of a FLAC that does not state them
# How libsndfile logs headers that promise more than the file holds.
SHORT_FILE = re.compile(
    r"^ *(?:data|SSND|riff|Riff size|Data Size) *: (\d+) \(should be (\d+)\)", re.MULTILINE
)


class LibsndfileDecoder:
    """A file of one stream, whose length is exact if it is PCM or FLAC."""

    streams = 1
    damaged = 0

    def __init__(self, path: Path) -> None:
        """Open a file; raises DecodeError if it is not one of libsndfile's."""
        with path.open("rb") as file:
            head = file.read(3)
        if head == b"ID3" or (head[:1] == b"\xff" and head[1:] >= b"\xe0"):
            raise DecodeError("MPEG audio")  # its MP3 decoder complains on stderr
        try:
            self._file = open_sound(path)
        except (sf.LibsndfileError, OSError, TypeError) as error:  # TypeError: a .raw file
            raise DecodeError(getattr(error, "error_string", str(error))) from error
        self.sample_rate: int = self._file.samplerate
        self.positions = usual_positions(self._file.channels)
        pages = ogg_streams(path)
        self.has_end = pages is None or pages.has_end
        exact = self._file.subtype in PLAIN and self._file.frames < ENDLESS
        # FFmpeg gets the end of a Vorbis stream wrong, libsndfile every stream but the first.
        vorbis = self._file.subtype == "VORBIS" and pages is not None and pages.number == 1
        told = bool(self._file.frames) or self._file.format in RIFF
        self.is_fitting = vorbis or (exact and told and not has_unknown_length(path))
        self.frames: int | None = self._file.frames if exact else None
        self.promise = self._promise()
        if self._file.channels > CHANNELS:
            self.positions = _positions_by_mask(path, self.positions)

    def _promise(self) -> Promise | None:
        if self.frames is None:
            return Promise(self._file.frames, exact=False) if self.is_fitting else None
        short = SHORT_FILE.search(self._file.extra_info)
        if short and 0 < int(short[2]) < int(short[1]) < UNKNOWN:
            return Promise(self.frames * int(short[1]) // int(short[2]), exact=True)
        return Promise(self.frames, exact=True)

    def blocks(self) -> Iterator[Audio]:
        """Yield the audio; see Decoder. Shape: (n, channels)."""
        try:
            # Not its blocks(), which pads truncated files.
            while len(frames := self._file.read(BLOCK, dtype="float32", always_2d=True)):
                yield frames
            if self._file.format == "FLAC" and self._bytes_left() > LEFT:
                raise DecodeError("more audio than its header states")
        except (sf.LibsndfileError, OSError) as error:
            raise DecodeError(getattr(error, "error_string", str(error))) from error

    def _bytes_left(self) -> int:
        if os.name != "posix":
            return 0
        descriptor = self._file.name  # as open_sound opened it
        return os.fstat(descriptor).st_size - os.lseek(descriptor, 0, os.SEEK_CUR)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _positions_by_mask(path: Path, usual: tuple[str, ...]) -> tuple[str, ...]:
    # libsndfile's Python interface has no channel mask: FFmpeg reads it.
    from mdx.audio.ffmpeg import FfmpegDecoder  # needed for surround files only

    try:
        decoder = FfmpegDecoder(path)
    except DecodeError:
        return usual
    decoder.close()
    return decoder.positions if len(decoder.positions) == len(usual) else usual
