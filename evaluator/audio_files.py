"""Opening audio files with libsndfile, including those whose names are not UTF-8."""

import os
from pathlib import Path

import soundfile as sf


def open_audio(path: Path) -> sf.SoundFile:
    """Open a WAV or FLAC file; raises sf.LibsndfileError or OSError where it cannot be read."""
    try:
        str(path).encode()
    except UnicodeEncodeError:  # soundfile accepts names that are not UTF-8 as bytes only
        return sf.SoundFile(os.fsencode(path))
    return sf.SoundFile(path)


def duration(path: Path) -> float:
    """The duration of an audio file in seconds; 0 if it cannot be read (reported by its reader)."""
    try:
        with open_audio(path) as file:
            return float(file.frames / file.samplerate)
    except (sf.LibsndfileError, OSError):
        return 0.0
