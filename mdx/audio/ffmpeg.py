"""Compressed audio of any kind, through FFmpeg by PyAV.

Importing this module imports PyAV: mdx.audio.choice does so only for a file that needs it.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import av
import numpy as np

from mdx.audio.au import open_for_ffmpeg
from mdx.audio.decoder import BLOCK, DecodeError, NoSuchStream, Promise
from mdx.audio.layouts import usual_positions
from mdx.audio.mp3 import promised_samples
from mdx.audio.ogg import ogg_streams
from mdx.audio.riff import has_unknown_length
from mdx.systems.spec import Audio

# A song may be a playlist: it must not make FFmpeg open other files or URLs.
CLOSED = {"protocol_whitelist": "none"}
# Containers that store a duration; for all others it is estimated from the bit rate.
TIMED = {"mov", "matroska", "asf", "ogg", "wv", "tta", "ape", "avi", "flv", "caf", "wav"}
EXACT = {"mov"}  # to a sample: what exceeds it is the encoder's padding
PADDING = 1 << 13  # samples that such an excess has at most


def open_container(file: BinaryIO, options: Mapping[str, str] | None = None) -> Any:
    """Open a file for FFmpeg, which may read nothing else; U+FFFD stands for bytes of no UTF-8.

    Raises av.FFmpegError or ValueError for what FFmpeg cannot open.
    """
    return av.open(file, options={**CLOSED, **(options or {})}, metadata_errors="replace")


class FfmpegDecoder:
    """One audio stream of a file; encoder delay and padding are dropped if the file states them."""

    def __init__(self, path: Path, stream: int = 1) -> None:
        """Open a file's audio stream, counted from 1.

        Raises NoSuchStream, or DecodeError for what FFmpeg cannot decode.
        """
        self._file = open_for_ffmpeg(path)  # by descriptor: a name may be in any encoding
        try:
            options = {"ignore_length": "1"} if has_unknown_length(path) else {}
            self._container: Any = open_container(self._file, options)
            self._open_stream(path, stream)
        except (av.FFmpegError, ValueError, OverflowError) as error:
            self._file.close()
            raise DecodeError(_reason(error)) from error
        except DecodeError:
            self.close()
            raise

    def _open_stream(self, path: Path, number: int) -> None:
        found = self._container.streams.audio
        self.streams = len(found)
        if not found:
            raise NoSuchStream("no audio stream")
        if number > len(found):
            raise NoSuchStream(f"{len(found)} audio stream{'s' * (len(found) > 1)}")
        self._stream: Any = found[number - 1]
        codec = self._stream.codec_context
        if codec is None or not codec.sample_rate or not codec.layout.nb_channels:
            raise DecodeError("a stream that FFmpeg does not know")
        self.sample_rate: int = codec.sample_rate
        self._layout = codec.layout
        names = tuple(channel.name for channel in codec.layout.channels)
        told = not set(names) & {"NONE", "UNK", "UNSD"}
        self.positions = names if told else usual_positions(len(names))
        self.frames: int | None = None
        self._kind = str(self._container.format.name).partition(",")[0]
        self.promise = self._promise(path)
        self.damaged = 0
        pages = ogg_streams(path)
        self.has_end = pages is None or pages.has_end

    def _promise(self, path: Path) -> Promise | None:
        if self._kind == "mp3":
            told = promised_samples(path)
            return None if told is None else Promise(told, exact=True)
        if self._kind not in TIMED:
            return None
        if self._stream.duration is not None:
            seconds = float(self._stream.duration * self._stream.time_base)
        elif len(self._container.streams) == 1 and self._container.duration:
            seconds = self._container.duration / av.time_base
        else:
            return None  # for all we know, that of the pictures
        return Promise(round(seconds * self.sample_rate), exact=False)

    def blocks(self) -> Iterator[Audio]:
        """Yield the audio; see Decoder. Shape: (n, channels)."""
        pending: list[Audio] = []
        held = passed = 0
        for part in self._parts():
            pending.append(part)
            held += len(part)
            if held >= BLOCK + PADDING:  # samples that may be padding are buffered
                whole = np.concatenate(pending)
                yield whole[:-PADDING]
                passed += held - PADDING
                pending, held = [whole[-PADDING:]], PADDING
        if pending:
            whole = np.concatenate(pending)
            excess = passed + held - self.promise.samples if self.promise else 0
            trimmed = self._kind in EXACT and 0 < excess < PADDING
            yield whole[:-excess] if trimmed else whole

    def _parts(self) -> Iterator[Audio]:
        # Rate and layout may change in mid-stream; those of the output must not.
        kind, resampler = None, None
        for frame in self._decoded():
            now = frame.format.name, frame.layout.name, frame.sample_rate
            if now != kind:
                if resampler is not None:
                    yield from _resampled(resampler, None)
                # Packed: with more than eight planes PyAV reads beyond its list of them.
                resampler = av.AudioResampler("flt", self._layout, self.sample_rate)
                kind = now
            yield from _resampled(resampler, frame)
        if resampler is not None:
            yield from _resampled(resampler, None)

    def _decoded(self) -> Iterator[Any]:
        # Tags and pictures in the middle of MPEG audio are packets that cannot be decoded.
        bad = 0
        try:
            for packet in self._container.demux(self._stream):
                try:
                    frames = packet.decode()
                except (av.FFmpegError, ValueError):
                    bad += 1
                    continue
                if frames:
                    self.damaged, bad = self.damaged + bad, 0
                yield from frames
        except IndexError:
            # At the end PyAV also flushes streams that FFmpeg found in mid-file, which
            # it has not listed. They come after all others: this one is flushed by then.
            return
        except (av.FFmpegError, OSError) as error:
            raise DecodeError(_reason(error)) from error

    def close(self) -> None:
        """Close the file."""
        self._container.close()
        self._file.close()


def _resampled(resampler: Any, frame: Any) -> Iterator[Audio]:
    try:
        for part in resampler.resample(frame):
            samples: Audio = part.to_ndarray().reshape(part.samples, -1)
            yield samples
    except (av.FFmpegError, ValueError) as error:
        raise DecodeError(_reason(error)) from error


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
