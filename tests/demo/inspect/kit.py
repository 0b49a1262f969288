"""Songs of tones and noise for the tests of the inspection."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import soundfile as sf

from mdx.systems.spec import SAMPLE_RATE, SOURCES, Audio

SECONDS = 3.0
# Notes as [start, duration, pitch, text], sung in order; the last one is the longest.
NOTES = [[0.2, 0.6, 57.0, "la"], [1.0, 0.5, 60.0, "li"], [1.6, 1.2, 64.0, "lo"]]

Values = npt.NDArray[np.float64]


def times(seconds: float = SECONDS) -> Values:
    """The times of all samples, seconds."""
    return np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE


def voice(hertz: Values, *, peak: float = 0.3) -> Values:
    """Twenty harmonics with two formants at a frequency for each sample. Shape: (samples,)."""
    phase = 2 * np.pi * np.cumsum(hertz) / SAMPLE_RATE
    sound = np.zeros(len(hertz))
    for number in range(1, 21):
        formants = sum(1 / (1 + ((number * hertz - f) / 150) ** 2) for f in (600, 1100))
        sound += (formants + 0.1) / number * np.sin(number * phase + number)
    return np.asarray(peak * sound / np.abs(sound).max())


def sung(notes: list[list[Any]], *, octave: int = 0, seconds: float = SECONDS) -> Values:
    """A voice that sings notes with vibrato of 40 cents, silent between. Shape: (samples,)."""
    time = times(seconds)
    sound = np.zeros_like(time)
    for start, duration, pitch, _ in notes:
        inside = (time >= start) & (time < start + duration)
        vibrato = 0.4 * np.sin(2 * np.pi * 5.5 * time[inside])
        hertz = 440 * 2 ** ((pitch + 12 * octave - 69 + vibrato) / 12)
        sound[inside] = voice(hertz) * np.sin(np.pi * np.linspace(0, 1, inside.sum())) ** 0.3
    return sound


def stereo(sound: Values, *, side: float = 0.0, seed: int = 0) -> Audio:
    """A sound in the centre, with noise of level `side` at the sides. Shape: (2, samples)."""
    noise = side * np.random.default_rng(seed).standard_normal(len(sound))
    return np.stack([sound + noise, sound - noise]).astype(np.float32)


def write_song(folder: Path, *, silent: tuple[str, ...] = (), facts: Any = None) -> Path:
    """Write one song of SECONDS with these stems silent, and a song.json if there are facts."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(len(folder.name))
    time = times()
    stems = {
        "bass": stereo(0.2 * np.sin(2 * np.pi * 80 * time)),
        "drums": stereo(0.1 * rng.standard_normal(len(time)), side=0.02),
        "other": stereo(0.1 * np.sin(2 * np.pi * 330 * time), side=0.03),
        "vocals": stereo(sung(NOTES)),
    }
    for source in silent:
        stems[source] = np.zeros_like(stems[source])
    assert set(stems) == set(SOURCES)
    for name, audio in {"mixture": sum(stems.values()), **stems}.items():
        sf.write(folder / f"{name}.wav", np.asarray(audio).T, SAMPLE_RATE, subtype="PCM_16")
    if facts is not None:
        (folder / "song.json").write_text(json.dumps(facts), encoding="utf-8")
    return folder


def facts_of(genre: str, **singer: Any) -> dict[str, Any]:
    """The facts of a song as the generator writes them."""
    return {
        "genre": genre, "tempo": 96.5, "key": "A minor", "meter": "4/4",
        "instruments": ["piano", "nylon guitar"], "vocals": NOTES,
        "singer": {"language": "it", "voice": "alto", "doubled": False, "harmony": None,
                   "sung": "sung", **singer},
    }  # fmt: skip
