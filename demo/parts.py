"""The dry stems of a score: each part is played by one of our instruments or by recordings."""

from dataclasses import dataclass

import numpy as np

from demo.dsp import Audio, band, pan, peaking
from demo.effects import chorus
from demo.instruments.bass import BASSES
from demo.instruments.drums import render_drums
from demo.instruments.ensembles import ENSEMBLES
from demo.instruments.guitars import GUITARS
from demo.instruments.instrument import Instrument
from demo.instruments.keys import KEYS
from demo.instruments.leads import LEADS
from demo.instruments.solo import SOLOS
from demo.mixing import loudness
from demo.packs.bank import Bank
from demo.score import Layer, Note
from demo.soundfont import KITS, PROGRAMS, SoundFont
from demo.splits import Palette, Rng

OTHERS = {**KEYS, **ENSEMBLES, **GUITARS, **LEADS, **SOLOS}
FONT_SHARE = 0.5  # of the parts, if there is a SoundFont
_CHORUS_SHARE = 0.2  # of layers
_LAYER = {"pan": (-0.8, 0.8), "drop": (0.0, 8.0), "chorus_rate": (0.2, 1.5),
          "chorus_depth": (0.0005, 0.004)}  # fmt: skip
_STEM = {"width": (0.55, 1.0), "tone": (0.0, 1.0), "body": (0.0, 9.0)}
_TONE_HZ = (180.0, 9000.0)


@dataclass(frozen=True)
class Band:
    """Plays the parts of one song, of `n` samples, with the timbres of a palette."""

    n: int
    palette: Palette
    font: SoundFont | None
    font_rng: Rng  # decides what the SoundFont plays
    bank: Bank | None = None  # recordings that play some of the parts

    def play_bass(self, kind: str, notes: tuple[Note, ...], rng: Rng) -> Audio:
        """The dry stem `bass`. Shape: (2, n)."""
        return self._play(f"bass.{kind}", kind, BASSES[kind], notes, rng)

    def play_drums(self, notes: tuple[Note, ...], rng: Rng) -> tuple[Audio, str]:
        """The stem `drums` with its room, and the type of kit. Shape: (2, n)."""
        kit = self.bank.draw_kit() if self.bank and notes else None
        if kit is not None:
            return kit(notes, self.n), "recorded"
        kits = KITS[self.palette.split] if notes else ()
        program = self._draw_program("drums", kits, drums=True)
        if self.font is None or program is None:
            return render_drums(notes, self.n, self.palette, rng)
        return self.font.play(notes, self.n, program=program, drums=True), "SoundFont"

    def play_layers(self, layers: tuple[Layer, ...], rng: Rng) -> Audio:
        """The dry stem `other`: layers at their own positions and distances. Shape: (2, n)."""
        out = np.zeros((2, self.n))
        for number, layer in enumerate(layers):
            name = f"other.{number}"
            place = self.palette.draw_all(name, _LAYER)
            kind = layer.instrument
            track = self._play(f"{name}.{kind}", kind, OTHERS[kind], layer.notes, rng)
            if not track.any():
                continue
            if self.bank and kind in GUITARS:
                track = self.bank.double(track)
            if rng.random() < _CHORUS_SHARE:
                track = chorus(track, rate=place["chorus_rate"], depth=place["chorus_depth"],
                               wet=0.6)  # fmt: skip
            level = 10 ** ((-(place["drop"] if number else 0.0) - loudness(track)) / 20)
            out += level * track * (np.sqrt(2) * pan(np.ones(1), place["pan"]))
        return self._tone(out)

    def _play(
        self, name: str, kind: str, instrument: Instrument, notes: tuple[Note, ...], rng: Rng
    ) -> Audio:
        if not notes:
            return np.zeros((2, self.n))
        part = self.bank.draw_part(name, kind, notes) if self.bank else None
        if part is not None:
            return part(notes, self.n)
        program = self._draw_program(name, PROGRAMS[kind][self.palette.split])
        if self.font is not None and program is not None:
            return self.font.play(notes, self.n, program=program)
        knobs = self.palette.draw_all(name, instrument.ranges)
        return instrument.play(notes, self.n, knobs, rng)

    def _draw_program(
        self, name: str, programs: tuple[int, ...], *, drums: bool = False
    ) -> int | None:
        """The SoundFont program that plays a part; None if one of our instruments plays it."""
        if self.font is None:
            return None
        there = [program for program in programs if self.font.has(program, drums=drums)]
        if not there or self.font_rng.random() >= FONT_SHARE:
            return None
        program = int(self.font_rng.choice(there))
        self.palette.choices[f"{name}.program"] = str(program)
        return program

    def _tone(self, x: Audio) -> Audio:
        """`x` (2, n) as after microphones and a mixing desk: narrower, darker, fuller."""
        knobs = self.palette.draw_all("other", _STEM)
        low, high = np.log(_TONE_HZ)
        x = band(x, None, float(np.exp(low + knobs["tone"] * (high - low))), order=1)
        x = peaking(x, 200.0, knobs["body"], 0.6)
        narrowed: Audio = knobs["width"] * x + (1 - knobs["width"]) * x.mean(axis=0)
        return narrowed
