"""What reads a file's audio: the interface of both decoders, and the error they share."""

from collections.abc import Iterator
from typing import NamedTuple, Protocol

from mdx.systems.spec import Audio

BLOCK = 1 << 16  # samples read at a time


class DecodeError(Exception):
    """A decoder cannot open a file, or cannot go on; another one may."""


class Promise(NamedTuple):
    """The length that a file states."""

    samples: int
    exact: bool  # False: a container's duration, which may be somewhat off


class Decoder(Protocol):
    """An open audio file."""

    sample_rate: int
    positions: tuple[str, ...]  # of the channels, by FFmpeg's names: FL, FR, LFE, ...
    streams: int  # audio streams in the file
    frames: int | None  # samples of each channel, where the format guarantees it
    promise: Promise | None  # None: the file states no length, or only an estimate
    damaged: int  # packets that were skipped so far, with sound ones after them
    has_end: bool  # False: the mark that the format puts at its end is missing

    def blocks(self) -> Iterator[Audio]:
        """Yield the audio from its beginning, about BLOCK samples at a time.

        Shape: (n, channels), float32. Raises DecodeError where it cannot go on.
        """
        ...

    def close(self) -> None:
        """Close the file."""
        ...
