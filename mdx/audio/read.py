"""Reading songs in blocks from any audio file."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import numpy as np
import soundfile as sf

from mdx.errors import AudioError
from mdx.systems.spec import CHANNELS, Audio

BLOCK = 1 << 16  # samples read at a time
SAMPLE_RATES = (1_000, 768_000)  # Hz; what lies outside is a broken header, and costs memory
READABLE = "WAV, FLAC, OGG or MP3"
KNOWN = (".wav", ".flac", ".ogg", ".mp3", ".aif", ".aiff", ".au", ".caf", ".w64", ".rf64")
# Headers as libsndfile logs them where the file is shorter than they say.
SHORT_FILE = re.compile(
    r"^ *(?:data|SSND|riff|Riff size|Data Size) *: (\d+) \(should be (\d+)\)", re.MULTILINE
)
STREAMED = range(0x7FFF0000, 0x1_0000_0000)  # a pipe's ways of saying that it did not know
# Standard order of loudspeakers by their number; C is centre or rear, x (LFE) is left out.
LAYOUTS = {3: "LRC", 4: "LRLR", 5: "LRCLR", 6: "LRCxLR", 7: "LRCxCLR", 8: "LRCxLRLR"}


class SongReader:
    """An audio file, open for reading: stereo float32 blocks at the file's own sample rate."""

    def __init__(self, path: Path, *, downmix: bool = False) -> None:
        """Open a file; raises AudioError where it is missing, not audio, empty or truncated."""
        self.path = path
        self.position = 0  # samples read so far
        if not path.is_file():
            missing = "no regular file" if path.exists() else "no such file"
            got = "a directory" if path.is_dir() else missing
            raise AudioError(path, got=got, expected="an audio file")
        if not os.access(path, os.R_OK):
            raise AudioError(path, got="no permission to read it", expected="a readable file")
        self._file: Any
        try:
            self._file = sf.SoundFile(path)
        except (sf.LibsndfileError, OSError, TypeError) as error:  # TypeError: a .raw file
            self._file = _open_with_av(path, error)
        self.sample_rate: int = self._file.samplerate
        self.frames: int = self._file.frames  # an estimate for MP3 and for PyAV's formats
        try:
            self._downmix = _downmix_matrix(path, self._file.channels, downmix=downmix)
            self._check_header()
        except AudioError:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._file.close()

    def blocks(self) -> Iterator[Audio]:
        """Yield the song from its beginning. Shape: (2, n) each, n at most BLOCK.

        Raises AudioError for NaN or infinity, and where the file ends before its header says.
        """
        try:
            for frames in self._decoded():
                yield self._checked(frames)
        except (sf.LibsndfileError, OSError) as error:
            raise AudioError(
                self.path, got=f"a damaged file ({error})", expected="audio to its end"
            ) from error
        if not isinstance(self._file, sf.SoundFile):
            exact = 0.0  # a container's duration is but a hint
        else:
            exact = 0.9 if self._file.format == "MP3" else 1.0  # MP3's is counted in whole frames
        if self.position < max(1, exact * self.frames):
            self._truncated(self.position, self.frames)

    def _decoded(self) -> Iterator[Audio]:
        # Shape: (n, channels), as decoders lay it out.
        if isinstance(self._file, sf.SoundFile):
            # Not its blocks(): that one makes up what a truncated file lacks.
            while len(frames := self._file.read(BLOCK, dtype="float32", always_2d=True)):
                yield frames
        else:
            yield from self._file.blocks()

    def _checked(self, frames: Audio) -> Audio:
        if not np.isfinite(frames).all():
            place = self.position + int(np.argmin(np.isfinite(frames).all(axis=1)))
            raise AudioError(
                self.path,
                got=f"NaN or infinity at sample {place}",
                expected="finite samples",
                hint="export the song again",
            )
        self.position += len(frames)
        block: Audio = np.ascontiguousarray((frames @ self._downmix).T)
        return block

    def _check_header(self) -> None:
        check_sample_rate(self.path, self.sample_rate)
        if self.frames == 0:
            raise AudioError(self.path, got="0 samples", expected="at least one")
        short = SHORT_FILE.search(getattr(self._file, "extra_info", ""))
        if short and int(short[2]) < int(short[1]) and int(short[1]) not in STREAMED:
            self._truncated(f"{short[2]} bytes of audio", short[1])

    def _truncated(self, got: object, expected: object) -> None:
        raise AudioError(
            self.path,
            got=f"a truncated file: {got}",
            expected=f"{expected}, as its header says",
            hint="copy or download it again",
        )


def check_sample_rate(song: object, rate: int) -> None:
    """Raise AudioError for a sample rate that no song has."""
    low, high = SAMPLE_RATES
    if not low <= rate <= high:
        raise AudioError(song, got=f"sample rate {rate} Hz", expected=f"{low} to {high} Hz")


def _downmix_matrix(path: Path, channels: int, *, downmix: bool) -> Audio:
    # Shape: (channels of the file, 2)
    if channels == 1:
        return np.ones((1, CHANNELS), dtype=np.float32)
    if channels == CHANNELS:
        return np.eye(CHANNELS, dtype=np.float32)
    if not downmix:
        raise AudioError(
            path,
            got=f"{channels} channels",
            expected="mono or stereo",
            hint="use --downmix to fold them into two",
        )
    # Centre and surround at -3 dB, as ITU-R BS.775 has it; each side's gains add up to 1.
    layout = LAYOUTS.get(channels, "C" * channels)
    gains = np.zeros((channels, CHANNELS), dtype=np.float32)
    for index, place in enumerate(layout):
        gains[index] = {"L": (1, 0), "R": (0, 1), "C": (1, 1), "x": (0, 0)}[place]
        gains[index] *= 1 if index < CHANNELS else np.sqrt(0.5)
    normalised: Audio = gains / gains.sum(axis=0)
    return normalised


def _open_with_av(path: Path, error: Exception) -> Any:
    try:
        from mdx.audio.ffmpeg import AvFile
    except ImportError:
        named_so = path.suffix.lower() in KNOWN
        raise AudioError(
            path,
            got=f"no audio that libsndfile can read ({getattr(error, 'error_string', error)})",
            expected=READABLE,
            hint="" if named_so else "for m4a, aac, mp4, wma and video: pip install av",
        ) from error
    return AvFile(path)
