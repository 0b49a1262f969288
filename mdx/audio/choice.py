"""Which decoders are tried for a file, and in which order."""

from collections.abc import Generator
from pathlib import Path

from mdx.audio.decoder import DecodeError, Decoder
from mdx.audio.libsndfile import LibsndfileDecoder


def decoders(path: Path, stream: int = 1) -> Generator[Decoder, None, None]:
    """Yield the decoders that open a file, the most suitable first; the caller closes them all.

    libsndfile comes first for what it decodes sample by sample, FFmpeg for everything else; the
    other follows in case the first fails. Raises DecodeError if neither opens it, or if there is
    no such stream.
    """
    try:
        plain = LibsndfileDecoder(path)
    except DecodeError as error:
        yield _open_ffmpeg(path, stream, error)
        return
    try:
        other = stream > plain.streams
        fitting = plain.is_fitting and not other
        if fitting:
            yield plain
        try:
            yield _open_ffmpeg(path, stream, None)
        except DecodeError:
            if fitting or other:
                raise
        if not (fitting or other):
            yield plain
    finally:
        plain.close()


def _open_ffmpeg(path: Path, stream: int, error: DecodeError | None) -> Decoder:
    try:
        from mdx.audio.ffmpeg import FfmpegDecoder  # the challenge's songs do not need it
    except ImportError as missing:
        raise DecodeError(f"{error or 'not PCM'}; FFmpeg: {missing}, pip install av") from missing
    try:
        return FfmpegDecoder(path, stream)
    except DecodeError as second:
        raise second from error
