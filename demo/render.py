"""From a score to stems, and from stems to track folders in MUSDB18-HQ layout."""

import json
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import soundfile

from demo.bass import render_bass
from demo.composer import compose
from demo.drums import render_drums
from demo.dsp import SAMPLE_RATE, Audio, band, gate, peaking, room
from demo.harmony import render_layers
from demo.score import STEMS, Score
from demo.singer import render_vocals
from demo.splits import SPLIT_IDS, Palette

VERSION = 1  # raise whenever the same seed would sound different
Stems = dict[str, npt.NDArray[np.int16]]

# Each part of a song draws from its own stream, so that a change in one leaves the others alone.
_PARTS = ("palette", "score", *STEMS, "mix")

# Per stem: level in dB, high-pass range Hz, drive range, room t60 range s, room wet range.
_MIX: dict[str, dict[str, tuple[float, float]]] = {
    "bass": {"level": (-3.0, 0.5), "low": (28, 40), "drive": (0.3, 1.6),
             "t60": (0.1, 0.3), "wet": (0.0, 0.03)},
    "drums": {"level": (-1.0, 2.5), "low": (25, 35), "drive": (0.5, 2.0),
              "t60": (0.2, 0.8), "wet": (0.0, 0.06)},
    "other": {"level": (-3.0, 0.5), "low": (25, 80), "drive": (0.2, 1.0),
              "t60": (0.4, 1.6), "wet": (0.04, 0.3)},
    "vocals": {"level": (-1.0, 2.5), "low": (70, 120), "drive": (0.3, 1.4),
               "t60": (0.5, 1.8), "wet": (0.04, 0.25)},
}  # fmt: skip
_EQ_HZ = {"bass": (80, 900), "drums": (90, 6000), "other": (200, 5000), "vocals": (250, 6000)}


class DemoError(Exception):
    """A request that cannot be fulfilled; its message is one line."""


def render_song(
    split: str, index: int, *, seconds: float, seed: int
) -> tuple[Stems, dict[str, Any]]:
    """Return the four stems, int16 of shape (2, n), and the facts for song.json.

    Args:
        split: "train" or "test".
        index: number of the song in its split.
        seconds: duration, at least 2.
    """
    if split not in SPLIT_IDS:
        raise DemoError(f"split must be one of {', '.join(SPLIT_IDS)}, got {split!r}")
    if not 2 <= seconds <= 600:
        raise DemoError(f"seconds must be from 2 to 600, got {seconds:g}")
    if seed < 0 or index < 0:
        raise DemoError(f"seed and song numbers must not be negative, got {min(seed, index)}")
    rng = {
        part: np.random.default_rng([seed, SPLIT_IDS[split], index, number])
        for number, part in enumerate(_PARTS)
    }
    n = round(seconds * SAMPLE_RATE)
    palette = Palette(split, rng["palette"])
    centre = palette.draw("singer.centre", 50.0, 69.0)
    score = compose(palette, rng["score"], seconds=seconds, vocal_centre=centre)
    bass, bass_kind = render_bass(score.bass, n, palette, rng["bass"])
    vocals, doubled = render_vocals(score.vocals, n, palette, rng["vocals"])
    raw = {
        "bass": bass,
        "drums": render_drums(score.drums, n, palette, rng["drums"]),
        "other": render_layers(score.layers, n, palette, rng["other"]),
        "vocals": vocals,
    }
    stems = _quantise({s: _finish(s, raw[s], palette, rng["mix"]) for s in STEMS},
                      peak=palette.draw("mix.peak", 0.6, 0.95))  # fmt: skip
    facts = _describe(split, index, seconds, seed, score) | {
        "bass": bass_kind,
        "singer": {"doubled": doubled},
        "timbre": palette.values,
    }
    return stems, facts


def _finish(stem: str, x: Audio, palette: Palette, rng: np.random.Generator) -> Audio:
    """Return a stem (2, n) after equaliser, saturation and room, at its place in the mix."""
    knobs = palette.draw_all(f"mix.{stem}", _MIX[stem])
    x = band(x, knobs["low"], None)
    for _ in range(2):
        low, high = np.log(_EQ_HZ[stem])
        frequency = float(np.exp(rng.uniform(low, high)))
        x = peaking(x, frequency, rng.uniform(-4, 4), rng.uniform(0.6, 2))
    x = x / (active_rms(x) + 1e-9)
    drive = 0.25 * knobs["drive"]  # at drive 1 the active RMS sits 12 dB below full saturation
    x = np.tanh(drive * x) / drive
    x = room(x, rng, t60=knobs["t60"], wet=knobs["wet"], high=5000.0)
    x = x * gate(x.shape[-1], 0.0, 0.05)  # the song is cut, not the waveform
    return x * (10 ** (knobs["level"] / 20) / (active_rms(x) + 1e-9))


def active_rms(x: npt.NDArray[Any]) -> float:
    """Return the RMS of `x` (2, n) over the blocks of 0.2 s within 30 dB of the loudest one."""
    block = SAMPLE_RATE // 5
    whole = x[:, : x.shape[1] // block * block].astype(np.float64)
    power = (whole**2).mean(axis=0).reshape(-1, block).mean(axis=1)
    return float(np.sqrt(power[power >= 1e-3 * power.max()].mean()))


def _quantise(stems: dict[str, Audio], *, peak: float) -> Stems:
    """Return int16 stems under one gain that keeps the mixture and every stem below `peak`."""
    total = sum(stems.values(), start=np.zeros(1))
    loudest = max(float(np.abs(x).max()) for x in (*stems.values(), total))
    gain = peak * 32767 / loudest
    return {name: np.rint(gain * x).astype(np.int16) for name, x in stems.items()}


def _describe(split: str, index: int, seconds: float, seed: int, score: Score) -> dict[str, Any]:
    return {
        "version": VERSION,
        "seed": seed,
        "split": split,
        "index": index,
        "seconds": seconds,
        "genre": score.genre,
        "tempo": score.clock.bpm,
        "tonic": score.tonic,
        "mode": score.mode,
        "progression": "-".join(str(degree + 1) for degree in score.progression),
        "sections": [{"bars": s.n_bars, "active": sorted(s.active)} for s in score.sections],
        "instruments": [layer.instrument for layer in score.layers],
    }


def write_songs(out: Path, *, train: int, test: int, seconds: float, seed: int) -> list[Path]:
    """Render songs below `out` and return their folders; complete songs are left untouched."""
    if min(train, test) < 0:
        raise DemoError(f"counts must not be negative, got train {train}, test {test}")
    if out.exists() and not out.is_dir():
        raise DemoError(f"{out} is not a folder")
    return [
        write_song(out, split, index, seconds=seconds, seed=seed)
        for split, count in (("train", train), ("test", test))
        for index in range(count)
    ]


def write_song(out: Path, split: str, index: int, *, seconds: float, seed: int) -> Path:
    """Write one track folder `out/split/split-index` in one move, unless it is complete."""
    folder = out / split / f"{split}-{index:03d}"
    wanted = {"version": VERSION, "seed": seed, "split": split, "index": index, "seconds": seconds}
    if folder.exists() and not (folder / "song.json").is_file():
        raise DemoError(f"{folder} exists and holds no song of ours; choose another --out")
    if _facts(folder) == wanted:
        return folder
    stems, facts = render_song(split, index, seconds=seconds, seed=seed)
    mixture = sum((x.astype(np.int32) for x in stems.values()), start=np.zeros(1, np.int32))
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out, prefix=".demo-") as temporary:
        draft = Path(temporary) / folder.name
        draft.mkdir()
        for name, x in (stems | {"mixture": mixture.astype(np.int16)}).items():
            soundfile.write(draft / f"{name}.wav", x.T, SAMPLE_RATE, subtype="PCM_16")
        (draft / "song.json").write_text(json.dumps(facts, indent=1) + "\n")
        if folder.exists():  # an older version or another seed; goes away with `temporary`
            os.replace(folder, Path(temporary) / "old")
        os.replace(draft, folder)
    return folder


def _facts(folder: Path) -> dict[str, Any] | None:
    """Return what identifies the song in `folder`, None when the folder is not complete."""
    names = [*(f"{stem}.wav" for stem in (*STEMS, "mixture")), "song.json"]
    if not all((folder / name).is_file() for name in names):
        return None
    try:
        facts = json.loads((folder / "song.json").read_text())
    except ValueError:
        return None
    return {key: facts.get(key) for key in ("version", "seed", "split", "index", "seconds")}
