"""Drum kits made of recorded one-shots, in a room whose microphones record all pieces."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import yaml

from demo.dsp import SAMPLE_RATE, Audio, add_at, band, gate, pan, room
from demo.effects import compress
from demo.instruments.drums import HATS, PIECES
from demo.packs.catalogue import Pack
from demo.packs.samples import read_sample, repitch
from demo.score import Note
from demo.splits import Palette, Rng

KITS = Path(__file__).with_name("kits.yaml")
# The processing of a song's recordings.
RANGES = {
    "dynamics": (1.1, 1.9),  # power of the velocity
    "tuning": (-2.0, 2.0),  # semitones
    "ring": (0.35, 2.0),  # seconds after which a piece is faded out
    "overheads": (-30.0, -8.0),  # dB, level of all pieces in two microphones above the kit
    "delay": (0.001, 0.006),  # seconds, from the pieces to them
    "room": (0.15, 0.9),  # seconds
    "room_wet": (-34.0, -14.0),  # dB
}
_SPREAD_DB, _SPREAD_SEMITONES = 3.0, 0.7  # between pieces
_PARALLEL_DB = -10.0  # of the compressed copy of the room


@dataclass(frozen=True)
class Kit:
    """The recordings of a kit, by piece and from soft to hard."""

    name: str
    pack: Pack
    layered: bool  # recordings are velocity layers; otherwise a song uses one of them
    pieces: dict[str, tuple[str, ...]]

    def files(self, piece: str) -> tuple[Path, ...]:
        """The recordings of a piece; those of the snare if the kit has no such piece."""
        names = self.pieces.get(piece, self.pieces["snare"])
        return tuple(self.pack.folder / name for name in names)


@cache
def read_kits(packs: tuple[Pack, ...]) -> tuple[Kit, ...]:
    """The kits of the given packs."""
    by_name = {pack.name: pack for pack in packs}
    entries = yaml.safe_load(KITS.read_text(encoding="utf-8"))
    return tuple(
        Kit(name, by_name[entry["pack"]], entry["choose"] == "velocity",
            {piece: tuple(files) for piece, files in entry["pieces"].items()})
        for name, entry in entries.items()
        if entry["pack"] in by_name
    )  # fmt: skip


def play_kit(kit: Kit, notes: tuple[Note, ...], n: int, palette: Palette, rng: Rng) -> Audio:
    """The drum stem with its room. Shape: (2, n).

    Raises DemoError for a recording that cannot be used.
    """
    knobs = palette.draw_all("kit", RANGES)
    close, all_pieces = np.zeros((2, n)), np.zeros((2, n))
    hats = sorted(note.start for note in notes if note.text in HATS)
    for name in sorted({note.text for note in notes}):
        strikes = _Strikes(kit, name, knobs, rng)
        for note in notes:
            start = max(round(note.start * SAMPLE_RATE), 0)
            if note.text != name or start >= n:
                continue
            later = [time for time in hats if time > note.start] if name in HATS else []
            hit = strikes.play(note.velocity, later[0] - note.start if later else None)
            add_at(close, hit, start)
            add_at(all_pieces, PIECES[name].spot.send * hit, start)
    return close + _overheads(all_pieces, knobs, rng)


def _overheads(x: Audio, knobs: dict[str, float], rng: Rng) -> Audio:
    """The overhead microphones' signal: delayed, brighter, wider and compressed."""
    if not x.any():
        return x
    late = np.zeros_like(x)
    add_at(late, x, round(knobs["delay"] * SAMPLE_RATE))
    bright = band(late, 300.0, None, order=1)
    wet = 10 ** (knobs["room_wet"] / 20)
    heard = room(10 ** (knobs["overheads"] / 20) * bright, rng, t60=knobs["room"], wet=wet,
                 high=7000.0)  # fmt: skip
    peak = np.abs(heard).max()
    pressed = compress(heard / peak, threshold=0.1, ratio=6.0, attack=0.002, release=0.15) * peak
    out: Audio = heard + 10 ** (_PARALLEL_DB / 20) * pressed
    return out


class _Strikes:
    """The hits of one piece of a kit in one song."""

    def __init__(self, kit: Kit, name: str, knobs: dict[str, float], rng: Rng) -> None:
        files = kit.files(name)
        if not kit.layered:
            files = (files[int(rng.integers(len(files)))],)
        semitones = knobs["tuning"] + rng.normal(0.0, _SPREAD_SEMITONES)
        piece = PIECES[name]
        level = 10 ** ((piece.level + rng.uniform(-_SPREAD_DB, _SPREAD_DB)) / 20)
        place = np.sqrt(2) * pan(np.ones(1), 0.7 * piece.spot.pan)
        self._hits = [
            level
            * place
            * _cut(repitch(read_sample(file, kit.pack.rate), semitones), knobs["ring"])
            for file in files
        ]
        self._dynamics = knobs["dynamics"]
        self._rng = rng

    def play(self, velocity: float, seconds: float | None) -> Audio:
        """One hit, cut after `seconds` if another hat follows. Shape: (2, m)."""
        index = min(int(velocity * len(self._hits)), len(self._hits) - 1)
        hit = self._hits[index]
        loud = velocity**self._dynamics * 10 ** (self._rng.normal(0.0, 0.8) / 20)
        return float(loud) * (hit if seconds is None else _cut(hit, seconds))


def _cut(x: Audio, seconds: float) -> Audio:
    """The first `seconds` of `x` (2, n), faded out."""
    part = x[:, : max(round(seconds * SAMPLE_RATE), 1)]
    return part if part.shape[-1] == x.shape[-1] else part * gate(part.shape[-1], 0.0, 0.03)
