"""The outline of a WAV for its waveform: lowest and highest sample of a fixed number of columns."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from mdx.audio.soundfiles import open_sound
from mdx.files import write_atomically

COLUMNS = 2000
BLOCK = 1 << 16  # most samples per read


def write_peaks(sound: Path) -> None:
    """Write the outline of a WAV next to it; raises LibsndfileError or OutputError."""
    write_atomically(peaks_path(sound), measure_peaks(sound).tobytes())


def peaks_path(sound: Path) -> Path:
    """The path of a WAV's outline."""
    return sound.with_suffix(".peaks")


def measure_peaks(sound: Path) -> npt.NDArray[np.int8]:
    """Lowest and highest sample of both channels by column, in 127ths of full scale.

    Shape: (columns, 2); columns are COLUMNS, or as many as there are samples.
    """
    with open_sound(sound) as file:
        columns = min(COLUMNS, file.frames)
        edges = np.linspace(0, file.frames, columns + 1).astype(np.int64)
        found = np.zeros((columns, 2), dtype=np.float32)
        position = 0
        while len(block := file.read(BLOCK, dtype="float32", always_2d=True)):
            # The columns that overlap the block; the first one may have begun in an earlier block.
            first, last = np.searchsorted(edges, (position, position + len(block)), "right") - 1
            last = min(int(last), columns - 1)
            starts = np.maximum(edges[first : last + 1] - position, 0)
            starts = starts[starts < len(block)]
            part = found[first : first + len(starts)]
            part[:, 0] = np.minimum(part[:, 0], np.minimum.reduceat(block.min(axis=1), starts))
            part[:, 1] = np.maximum(part[:, 1], np.maximum.reduceat(block.max(axis=1), starts))
            position += len(block)
    return np.asarray(np.clip(np.round(found * 127), -127, 127), dtype=np.int8)
