"""Sample packs in miniature: tones in files with the names of the real packs."""

from pathlib import Path

import numpy as np
import soundfile

from demo.packs.catalogue import Pack, hash_files


def make_pack(folder: Path, kind: str, files: dict[str, float], rate: int = 44100) -> Pack:
    """A pack whose files are decaying tones of given frequencies, Hz."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, hertz in files.items():
        write_tone(folder / name, hertz, rate)
    paths = tuple(sorted(folder.iterdir()))
    return Pack(
        name=folder.name, kind=kind, source="Debian package nothing", version="1", folder=folder,
        files=("*",), sha256=hash_files(folder, paths), licence="CC0", attribution="Nobody",
        rate=rate,
    )  # fmt: skip


def write_tone(path: Path, hertz: float, rate: int = 44100, seconds: float = 0.5) -> None:
    """Write a mono tone at half of full scale that decays to silence by its end."""
    time = np.arange(round(seconds * rate)) / rate
    soundfile.write(path, 0.5 * np.sin(2 * np.pi * hertz * time) * np.exp(-6 * time), rate)
