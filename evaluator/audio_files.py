"""Opening audio files that libsndfile reads, whatever bytes their names are made of."""

import os
from pathlib import Path

import soundfile as sf


def open_audio(path: Path) -> sf.SoundFile:
    """Open a WAV or FLAC file; raises sf.LibsndfileError or OSError where it cannot be read."""
    try:
        str(path).encode()
    except UnicodeEncodeError:  # a name that is no UTF-8, which soundfile takes as bytes only
        return sf.SoundFile(os.fsencode(path))
    return sf.SoundFile(path)


def duration(path: Path) -> float:
    """Seconds of an audio file; 0 where it cannot be read, which its reader will find out."""
    try:
        with open_audio(path) as file:
            return float(file.frames / file.samplerate)
    except (sf.LibsndfileError, OSError):
        return 0.0
