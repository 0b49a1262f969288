"""Writes songs, and runs the command line in this process."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile as sf

from mdx.cli.main import main
from mdx.systems.spec import Audio
from tests.tiny import noise

RATE = 44100


def write_song(path: Path, samples: int = 4000, *, seed: int = 0) -> Path:
    """Write a short song of noise, and its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    sf.write(path, noise(samples, seed=seed).T, RATE)
    return path


def write_long_song(path: Path) -> None:
    """Write ten minutes: a signal sent during the song reaches it, even on a busy machine."""
    minute = noise(RATE * 60).T
    with sf.SoundFile(path, "w", RATE, 2) as song:
        for _ in range(10):
            song.write(minute)


def run(system: Path, *arguments: object) -> int:
    """Run `mdx separate` with a system; returns the exit code."""
    return main(["separate", "--system", str(system), *map(str, arguments)])


def events(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """The events that --json printed."""
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def read(path: Path) -> Audio:
    """Read a stem. Shape: (2, samples)."""
    audio: Audio = sf.read(path, dtype="float32", always_2d=True)[0].T
    return np.ascontiguousarray(audio)
