"""Audio that libsndfile cannot read (m4a, aac, mp4, wma, video), through PyAV where installed.

Importing this module imports PyAV; mdx.audio.read does so only for a file that needs it.
"""

import itertools
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np

from mdx.errors import AudioError
from mdx.systems.spec import Audio


class AvFile:
    """The first audio stream of a file, with as much of soundfile's interface as is needed."""

    def __init__(self, path: Path) -> None:
        """Open a file; raises AudioError where FFmpeg finds no audio in it."""
        self._path = path
        try:
            self._container = av.open(str(path))
        except av.FFmpegError as error:
            raise AudioError(
                path, got=f"no audio ({error.strerror})", expected="an audio file"
            ) from error
        if not self._container.streams.audio:
            self._container.close()
            raise AudioError(path, got="no audio stream", expected="an audio file")
        self._stream = self._container.streams.audio[0]
        self.samplerate: int = self._stream.codec_context.sample_rate
        self.channels: int = self._stream.codec_context.channels
        seconds = (self._container.duration or 0) / av.time_base
        self.frames = max(1, round(seconds * self.samplerate))

    def blocks(self) -> Iterator[Audio]:
        """Yield decoded audio as the decoder hands it out. Shape: (n, channels), float32."""
        # Rate and layout may change in mid-stream; what comes out must not.
        layout = self._stream.codec_context.layout.name
        resampler = av.AudioResampler(format="fltp", layout=layout, rate=self.samplerate)
        try:
            for frame in itertools.chain(self._container.decode(self._stream), [None]):
                for part in resampler.resample(frame):
                    yield np.ascontiguousarray(part.to_ndarray().T, dtype=np.float32)
        except (av.FFmpegError, ValueError) as error:
            raise OSError(str(error)) from error

    def close(self) -> None:
        """Close the file."""
        self._container.close()
