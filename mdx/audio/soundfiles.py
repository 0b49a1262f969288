"""Opening files in libsndfile, whatever their names."""

import os
from pathlib import Path
from typing import Any

import soundfile as sf


def open_sound(path: Path, mode: str = "r", **settings: Any) -> sf.SoundFile:
    """Open a sound file; `settings` are those of soundfile.

    Opened by descriptor: the name may be in any encoding, and its suffix is not taken as a hint.
    Raises LibsndfileError, TypeError for a headerless file, or OSError.
    """
    if os.name != "posix":
        return sf.SoundFile(path, mode, **settings)
    flags = os.O_RDONLY if mode == "r" else os.O_RDWR | os.O_CREAT | os.O_TRUNC
    return sf.SoundFile(os.open(path, flags, 0o666), mode, **settings)  # which closes it
