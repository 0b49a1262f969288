"""The song for playback: decoded once, in constant memory, to a WAV next to the upload."""

import threading
from pathlib import Path
from typing import NamedTuple

import soundfile as sf

from mdx.audio.read import SongReader
from mdx.audio.soundfiles import open_sound
from mdx.audio.write import WAV_LIMIT
from mdx.errors import AudioError, Cancelled, OutputError
from mdx.files import replacing
from mdx.systems.spec import CHANNELS


class Original(NamedTuple):
    """The facts about a decoded song."""

    sample_rate: int
    samples: int


def write_original(
    upload: Path,
    target: Path,
    *,
    most_seconds: float,
    cancel: threading.Event,
    downmix: bool = True,
) -> Original:
    """Decode a song to 16 bits.

    Raises AudioError for what is no song or is longer than `most_seconds`, OutputError for a full
    disk, Cancelled.
    """
    with SongReader(upload, downmix=downmix) as song:
        most = int(most_seconds * song.sample_rate)
        _check_length(upload, song.frames or 0, most, song.sample_rate)
        # The length is unknown until the song is read; only RF64 supports any.
        kind = "WAV" if 2 * CHANNELS * most < WAV_LIMIT else "RF64"
        try:
            with (
                replacing(target) as draft,
                open_sound(
                    draft, "w", samplerate=song.sample_rate, channels=CHANNELS, subtype="PCM_16",
                    format=kind,
                ) as file,
            ):  # fmt: skip
                for block in song.blocks():
                    if cancel.is_set():
                        raise Cancelled(upload)
                    _check_length(upload, song.position, most, song.sample_rate)
                    file.write(block.T)
        except (OSError, sf.LibsndfileError, AssertionError) as error:
            reason = getattr(error, "strerror", None) or str(error) or "a short write"
            raise OutputError(
                target, got=reason, expected="room on the disk for the decoded song"
            ) from error
        return Original(song.sample_rate, song.position)


def _check_length(song: Path, samples: int, most: int, rate: int) -> None:
    if samples > most:
        raise AudioError(
            song, got=f"more than {most / rate / 3600:.3g} hours of audio",
            expected=f"at most {most / rate / 3600:.3g}", hint="mdx serve --max-hours allows more",
        )  # fmt: skip
