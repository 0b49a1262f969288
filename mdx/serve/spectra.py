"""The spectrogram of a WAV, with a fixed size for any length."""

import itertools
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mdx.audio.soundfiles import open_sound
from mdx.files import write_atomically

COLUMNS, BANDS = 600, 96
LOWEST, HIGHEST = 40.0, 16_000.0  # Hz
WINDOW = 4096  # samples
TAKES = 4  # most windows per column: a long song is sampled
SPREAD = 1.5  # bins over which the window spreads a sine, in power
FLOOR = -96.0  # dB of full scale


def write_spectrum(sound: Path) -> None:
    """Write the spectrogram of a WAV next to it; raises LibsndfileError or OutputError."""
    write_atomically(spectrum_path(sound), measure_spectrum(sound).tobytes())


def spectrum_path(sound: Path) -> Path:
    """The path of a WAV's spectrogram."""
    return sound.with_suffix(".spectrum")


def measure_spectrum(sound: Path) -> npt.NDArray[np.uint8]:
    """Power by column and band, from FLOOR (0) to that of a sine at full scale (255).

    Shape: (columns, bands), bands of equal width in octaves; at most COLUMNS columns.
    """
    window = np.hanning(WINDOW).astype(np.float32)
    with open_sound(sound) as file:
        bands = _bands(file.samplerate)
        columns = max(1, min(COLUMNS, file.frames // (WINDOW // 4)))
        length = file.frames / columns
        found = np.zeros((columns, BANDS))
        for column in range(columns):
            takes = max(1, min(TAKES, int(length // WINDOW)))
            for take in range(takes):
                middle = (column + (take + 0.5) / takes) * length
                file.seek(max(0, min(int(middle) - WINDOW // 2, file.frames - WINDOW)))
                piece = file.read(WINDOW, dtype="float32", always_2d=True)
                spectra = np.fft.rfft(piece * window[: len(piece), None], n=WINDOW, axis=0)
                found[column] += (np.abs(spectra) ** 2).mean(axis=1) @ bands / takes
    full = (window.sum() / 2) ** 2  # of a sine
    decibels = 10 * np.log10(np.maximum(found / full, 10 ** (FLOOR / 10)))
    return np.asarray(np.clip(np.round(255 * (1 - decibels / FLOOR)), 0, 255), dtype=np.uint8)


def _bands(rate: int) -> npt.NDArray[np.float64]:
    # The bins that a band sums: those inside it, otherwise the nearest one.
    edges = np.geomspace(LOWEST, HIGHEST, BANDS + 1) * WINDOW / rate
    bins = WINDOW // 2 + 1
    taken = np.zeros((bins, BANDS))
    for band, (low, high) in enumerate(itertools.pairwise(edges)):
        first = round(low)
        if first < bins:
            last = max(first + 1, round(high))
            taken[first:last, band] = 1 / SPREAD
    return taken
