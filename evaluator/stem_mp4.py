"""MUSDB18's `.stem.mp4`: mixture and four stems in one file, decoded by musdb to WAV files."""

import json
import shutil
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile as sf

from evaluator.json_files import write_json
from mdx.errors import AudioError, ConfigError, OutputError
from mdx.files import replacing
from mdx.interrupts import each_completed
from mdx.machine import available_cpus
from mdx.systems.spec import SAMPLE_RATE

SUFFIX = ".stem.mp4"
AT_ONCE = 4  # tracks at most, each of which holds a stream: 0.4 GB for 7 minutes
STREAMS = ("mixture", "drums", "bass", "other", "vocals")  # MUSDB18's order, not KUIELab's
FACTS = "archive.json"  # in the folder, about the file that it was decoded from
EXPANSION = 7  # a decoded track is at most this much larger, at MUSDB18's 256 kbit/s a stream


def decode_tracks(folders: Mapping[Path, Path]) -> Iterator[AudioError | None]:
    """Decode archives into folders, several at once; yields the error of each, or None, at its end.

    Raises ConfigError and OutputError as decode_track does, and then begins no other track.
    """
    with ThreadPoolExecutor(min(available_cpus(), AT_ONCE)) as pool:
        waiting = [pool.submit(decode_track, *it) for it in folders.items()]
        try:
            for future in each_completed(waiting):
                error = future.exception()
                if error is not None and not isinstance(error, AudioError):
                    raise error
                yield error
        finally:
            pool.shutdown(cancel_futures=True)


def decode_track(archive: Path, folder: Path) -> None:
    """Write the five streams of a track atomically as `<folder>/<name>.wav`.

    A folder that was decoded from this very file is left as it is; any other is removed first,
    since nothing may be scored against it if the archive is broken. The samples are exactly those
    of musdb, in 16 bits. Raises AudioError for a broken file, ConfigError without musdb or ffmpeg,
    OutputError if the folder cannot be written.
    """
    try:
        facts = _facts(archive)
        if _decoded_from(folder) == facts:
            return
        if folder.exists():
            shutil.rmtree(folder)
        with replacing(folder) as draft:
            draft.mkdir()
            needed, free = EXPANSION * archive.stat().st_size, shutil.disk_usage(draft).free
            if free < needed:
                raise OutputError(
                    folder, got=f"{free / 1e6:.0f} MB free", expected=f"{needed / 1e6:.0f} MB",
                    hint=f"this is where {archive.name} is decoded to",
                )  # fmt: skip
            for index, name in enumerate(STREAMS):
                sf.write(draft / f"{name}.wav", _read_stream(archive, index), SAMPLE_RATE)
            write_json(draft / FACTS, facts)
    except (OSError, sf.LibsndfileError) as error:
        raise OutputError(folder, got=error, expected="a folder that can be written") from error


def _facts(archive: Path) -> dict[str, int]:
    there = archive.stat()
    return {"size": there.st_size, "modified": there.st_mtime_ns}


def _decoded_from(folder: Path) -> object:
    # The facts of the archive; None if there are none, or no folder.
    try:
        return json.loads((folder / FACTS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _read_stream(archive: Path, index: int) -> npt.NDArray[np.int16]:
    # Shape: (samples, 2)
    if not (shutil.which("ffmpeg") and shutil.which("ffprobe")):
        raise ConfigError(
            archive, got="no ffmpeg and ffprobe on the PATH", expected="both, to read .stem.mp4",
            hint="apt-get install ffmpeg, or use MUSDB18-HQ, whose files are WAV",
        )  # fmt: skip
    try:
        from musdb.audio_classes import Track
    except ImportError as error:
        raise ConfigError(
            archive, got="no package musdb", expected="musdb, to read .stem.mp4",
            hint="pip install -e '.[musdb]'",
        ) from error  # fmt: skip
    try:
        track = Track(path=str(archive), stem_id=index)
        audio, rate = track.audio, track.rate
    except Exception as error:  # parsing ffprobe's and ffmpeg's output can raise anything
        raise AudioError(
            archive, got=f"{type(error).__name__} in stream {index}: {error}",
            expected=f"the five streams {', '.join(STREAMS)}",
        ) from error  # fmt: skip
    if rate != SAMPLE_RATE or audio.ndim != 2 or audio.shape[1] != 2:
        raise AudioError(
            archive, got=f"stream {index} of shape {audio.shape} at {rate} Hz",
            expected=f"stereo at {SAMPLE_RATE} Hz",
        )  # fmt: skip
    # As integers: libsndfile would scale floats by 32767 for PCM_16, musdb scales by 32768.
    audio *= 32768  # in place: these are 64 bits a sample
    samples: npt.NDArray[np.int16] = np.round(audio, out=audio).astype(np.int16)
    return samples
