"""The interface of both decoders, which read a file's audio, and the errors they share."""

from collections.abc import Iterator
from typing import NamedTuple, Protocol

from mdx.systems.spec import Audio

BLOCK = 1 << 16  # samples read at a time


class DecodeError(Exception):
    """A decoder cannot open a file, or cannot continue; another one may be able to."""


class NoSuchStream(DecodeError):
    """A file has fewer audio streams than asked for, or none."""


class Promise(NamedTuple):
    """The length that a file states."""

    samples: int
    exact: bool  # False: a container's duration, which may be slightly off


class Decoder(Protocol):
    """An open audio file."""

    sample_rate: int
    positions: tuple[str, ...]  # of the channels, by FFmpeg's names: FL, FR, LFE, ...
    streams: int  # audio streams in the file
    frames: int | None  # samples per channel, if the format guarantees it
    promise: Promise | None  # None: the file states no length, or only an estimate
    damaged: int  # damaged packets skipped so far, with good ones after them
    has_end: bool  # False: the format's end-of-stream mark is missing

    def blocks(self) -> Iterator[Audio]:
        """Yield the audio from its beginning, about BLOCK samples at a time.

        Shape: (n, channels), float32. Raises DecodeError if it cannot continue.
        """
        ...

    def close(self) -> None:
        """Close the file."""
        ...
