"""Reading songs in blocks from any audio file."""

import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import numpy as np

from mdx.audio.choice import decoders
from mdx.audio.decoder import BLOCK, DecodeError, Decoder, NoSuchStream
from mdx.audio.layouts import downmix_matrix
from mdx.errors import AudioError
from mdx.systems.spec import CHANNELS, Audio

__all__ = ["BLOCK", "SongReader", "check_sample_rate"]
log = logging.getLogger(__name__)
SAMPLE_RATES = (1_000, 768_000)  # Hz; anything else is a broken header, and would cost memory
TOLERANCE = 0.1  # seconds by which a container's duration may be off, or that a codec may lose
FAR_BEYOND = 64.0  # times full scale: not a mastering error, but another scale


class SongReader:
    """An audio file, open for reading: stereo float32 blocks at the file's own sample rate."""

    def __init__(
        self, path: Path, *, downmix: bool = False, stream: int | None = None,
        name: object = None,
    ) -> None:  # fmt: skip
        """Open a file; raises AudioError if it is missing, not audio, empty or truncated.

        `stream` is one of several audio streams, counted from 1: by default the first, and a
        warning says that there are more. `name` is the song's name in messages.
        """
        self.path = path
        self.name = path if name is None else name
        self.position = 0  # samples read so far
        self._downmix, self._stream = downmix, stream
        self._quiet = False  # once the first of several passes has reported it
        _check_file(path, self.name)
        if stream is not None and stream < 1:
            raise AudioError(self.name, got=f"stream {stream}", expected="1 or more")
        self._decoders = decoders(path, stream or 1)
        try:
            self._decoder: Decoder = next(self._decoders)
        except (DecodeError, OSError) as error:
            raise self._unreadable(error) from error
        self.sample_rate = self._decoder.sample_rate
        self.frames = self._decoder.frames  # None: only decoding tells, see count
        try:
            self._check_header(downmix=downmix)
        except AudioError:
            self._close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._close()

    def again(self) -> "SongReader":
        """A second reader of the same song, from its beginning; it repeats no warning."""
        second = SongReader(
            self.path, name=self.name, downmix=self._downmix, stream=self._stream
        )  # fmt: skip
        second._quiet = True
        return second

    def count(self) -> int:
        """Samples of the song: as guaranteed by its format, or counted by decoding it once.

        Raises AudioError for anything that is wrong with the song, like blocks.
        """
        if self.frames is None:
            with self.again() as first:
                first._quiet = self._quiet
                for _ in first.blocks():
                    pass
            self.frames, self._quiet = first.position, True
        return self.frames

    def blocks(self) -> Iterator[Audio]:
        """Yield the song from its beginning. Shape: (2, n) each.

        Raises AudioError for NaN or infinity, for no samples at all, and if the file ends before
        its header says; if a container's duration is not reached, a warning states both.
        """
        peak = np.float32(0)
        for frames in self._decoded():
            block = self._checked(frames)
            peak = max(peak, np.abs(block).max(initial=0))
            yield block
        self._check_any(self.position)
        self._check_length()
        if not self._quiet:
            self._warn(float(peak))

    def _decoded(self) -> Iterator[Audio]:
        # If a decoder fails, the next one continues from there. Shape: (n, channels)
        try:
            yield from self._decoder.blocks()
        except DecodeError as error:
            skipped = self.position
            self._take_next_decoder(error)
            try:
                for frames in self._decoder.blocks():
                    yield frames[skipped:]
                    skipped = max(0, skipped - len(frames))
            except DecodeError as second:
                raise self._damaged(second) from error

    def _take_next_decoder(self, error: DecodeError) -> None:
        first = self._decoder
        try:
            second = next(self._decoders, None)
        except DecodeError:
            second = None
        if second is None:
            raise self._damaged(error) from error
        first.close()
        self._decoder = second
        if second.sample_rate != first.sample_rate or second.positions != first.positions:
            raise self._damaged(error) from error

    def _checked(self, frames: Audio) -> Audio:
        if not np.isfinite(frames).all():
            place = self.position + int(np.argmin(np.isfinite(frames).all(axis=1)))
            raise AudioError(
                self.name,
                got=f"NaN or infinity at sample {place}",
                expected="finite samples",
                hint="export the song again",
            )
        self.position += len(frames)
        block: Audio = np.ascontiguousarray((frames @ self._to_stereo).T)
        return block

    def _check_header(self, *, downmix: bool) -> None:
        check_sample_rate(self.name, self.sample_rate)
        positions = self._decoder.positions
        if len(positions) > CHANNELS and not downmix:
            raise AudioError(
                self.name,
                got=f"{len(positions)} channels",
                expected="mono or stereo",
                hint="use --downmix to fold them into two",
            )
        self._to_stereo = downmix_matrix(positions)
        self._promise = promise = self._decoder.promise
        self._check_any(self.frames)
        if self.frames and promise and self.frames < promise.samples:
            self._truncated(self.frames, promise.samples)

    def _check_any(self, samples: int | None) -> None:
        if samples == 0:
            raise AudioError(self.name, got="0 samples", expected="at least one")

    def _check_length(self) -> None:
        promise = self._promise
        if promise is None:
            return
        slack = 0 if self.frames == promise.samples else TOLERANCE * self.sample_rate
        if self.position >= promise.samples - slack:
            return
        if promise.exact:
            self._truncated(self.position, promise.samples)
        if not self._quiet:
            here, told = (n / self.sample_rate for n in (self.position, promise.samples))
            log.warning(
                "%s: %.2f s of audio, where its container tells of %.2f s; it may be cut off",
                self.name, here, told,
            )  # fmt: skip

    def _warn(self, peak: float) -> None:
        streams, chosen = self._decoder.streams, self._stream
        if not self._decoder.has_end:
            log.warning(
                "%s: %.2f s of audio, and then no end-of-stream mark; it may be cut off",
                self.name, self.position / self.sample_rate,
            )  # fmt: skip
        if self._decoder.damaged:
            log.warning("%s: damaged packets left out: %d", self.name, self._decoder.damaged)
        if streams > 1 and (peak == 0 or chosen is None):
            silent = ", and it is silent" if peak == 0 else ""
            log.warning(
                "%s: audio stream %d of %d is read%s; --stream N takes another",
                self.name, chosen or 1, streams, silent,
            )  # fmt: skip
        if peak > FAR_BEYOND:
            log.warning(
                "%s: peaks at %.0f times full scale; floats go from -1 to 1, and these look like "
                "integers stored as floats (16 bits: divide by 32768)",
                self.name, peak,
            )  # fmt: skip

    def _close(self) -> None:
        self._decoder.close()
        self._decoders.close()

    def _truncated(self, got: int, expected: int) -> None:
        raise AudioError(
            self.name,
            got=f"a truncated file: {got} samples ({got / self.sample_rate:.2f} s)",
            expected=f"{expected} ({expected / self.sample_rate:.2f} s), as its header says",
            hint="copy or download it again",
        )

    def _damaged(self, error: DecodeError) -> AudioError:
        here = self.position / self.sample_rate
        told = f", {self._promise.samples / self.sample_rate:.2f} s" if self._promise else ""
        return AudioError(
            self.name, got=f"a damaged file ({error}) after {here:.2f} s",
            expected=f"audio to its end{told}",
        )  # fmt: skip

    def _unreadable(self, error: Exception) -> AudioError:
        if self._stream and isinstance(error, NoSuchStream):
            return AudioError(self.name, got=error, expected=f"one with the number {self._stream}")
        return AudioError(self.name, got=f"no audio ({error})", expected="an audio file")


def check_sample_rate(song: object, rate: int) -> None:
    """Raise AudioError for a sample rate that no song can have."""
    low, high = SAMPLE_RATES
    if not low <= rate <= high:
        raise AudioError(song, got=f"sample rate {rate} Hz", expected=f"{low} to {high} Hz")


def _check_file(path: Path, name: object) -> None:
    try:
        if path.is_file():
            if not os.access(path, os.R_OK):
                raise AudioError(name, got="no permission to read it", expected="a readable file")
            if not path.stat().st_size:  # PyAV would print a traceback
                raise AudioError(
                    name, got="an empty file", expected="an audio file",
                    hint="copy or download it again",
                )  # fmt: skip
            return
        missing = "no regular file" if path.exists() else "no such file or folder"
        got = "a directory" if path.is_dir() else missing
    except (OSError, ValueError) as error:  # a name too long, or with a zero byte
        raise AudioError(name, got=error, expected="an audio file") from error
    raise AudioError(name, got=got, expected="an audio file")
