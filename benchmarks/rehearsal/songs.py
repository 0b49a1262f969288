"""A test set as large as MUSDB18's: fifty composed songs, as WAV files and as `.stem.mp4`."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import soundfile as sf

from benchmarks.memory import ROOT
from evaluator.stem_mp4 import STREAMS, SUFFIX
from mdx.files import replacing
from mdx.machine import available_cpus
from mdx.systems.spec import SAMPLE_RATE, SOURCES

COMPOSED = 30.0  # seconds of a song, which are repeated
LONGEST = 430.0  # seconds: the longest of MUSDB18's test songs
MEAN = 252.0  # seconds: fifty songs of 3.5 hours
BIT_RATE = "256k"  # of a stream, as MUSDB18 has it
NAMES = ("mixture", *SOURCES)


def durations(count: int) -> list[float]:
    """Seconds of each song: their mean and the longest one are MUSDB18's, the rest is spread."""
    if count == 1:
        return [LONGEST]
    spread = np.linspace(-1, 1, count - 1) * min(0.6 * MEAN, LONGEST - MEAN)
    mean = (count * MEAN - LONGEST) / (count - 1)
    return [LONGEST, *(float(mean + offset) for offset in spread)]


def compose(folder: Path, count: int, scale: float) -> None:
    """Write `<folder>/hq/test/<song>/*.wav`: composed songs, repeated to `scale` of the lengths."""
    composed = folder / "composed"
    command = [sys.executable, "-m", "demo", "--out", str(composed), "--train", "0",
               "--test", str(count), "--seconds", f"{COMPOSED:g}", "--seed", "9"]  # fmt: skip
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    for song, seconds in zip(sorted((composed / "test").iterdir()), durations(count), strict=True):
        target = folder / "hq" / "test" / song.name
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            with replacing(target) as draft:
                draft.mkdir()
                for name in NAMES:
                    _repeat(song / f"{name}.wav", draft / f"{name}.wav", scale * seconds)


def _repeat(source: Path, target: Path, seconds: float) -> None:
    # Integers are repeated, so that the mixture stays the exact sum.
    section = sf.read(source, dtype="int16")[0]
    left = round(seconds * SAMPLE_RATE)
    with sf.SoundFile(target, "w", SAMPLE_RATE, section.shape[1], "PCM_16") as file:
        while left > 0:
            file.write(section[:left])
            left -= len(section)


def pack(folder: Path) -> None:
    """Write the same songs as `<folder>/mp4/test/<song>.stem.mp4`, five streams of AAC each.

    One song per CPU at a time: ffmpeg encodes AAC in one thread.
    """
    (folder / "mp4" / "test").mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(available_cpus()) as pool:
        try:
            for packed in [
                pool.submit(_pack, song, folder / "mp4" / "test" / f"{song.name}{SUFFIX}")
                for song in sorted((folder / "hq" / "test").iterdir())
            ]:
                packed.result()
        finally:
            pool.shutdown(cancel_futures=True)


def _pack(song: Path, target: Path) -> None:
    if target.exists():
        return
    inputs = [part for name in STREAMS for part in ("-i", str(song / f"{name}.wav"))]
    maps = [part for index in range(len(STREAMS)) for part in ("-map", f"{index}:a")]
    with replacing(target) as draft:
        command = ["ffmpeg", "-v", "error", "-y", *inputs, *maps, "-c:a", "aac", "-b:a", BIT_RATE,
                   "-f", "mp4", str(draft)]  # fmt: skip
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
