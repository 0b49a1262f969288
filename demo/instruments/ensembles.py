"""Ensembles of the stem `other`: pads, string sections, brass sections."""

from collections.abc import Iterator

import numpy as np

from demo.dsp import SAMPLE_RATE, Audio, band, hertz, pan, peaking, time_axis
from demo.instruments.instrument import Instrument
from demo.instruments.oscillators import HARMONICS, Wavetable, drift, saw_pulse, wavetable
from demo.instruments.playing import each
from demo.score import Note
from demo.splits import Knobs, Rng

# Cutoffs are log2 of Hz, so that octaves are equally likely.
_PAD = {
    "voices": (3.0, 7.0), "detune": (4.0, 26.0), "square": (0.0, 1.0), "duty": (0.1, 0.5),
    "cutoff": (8.2, 11.2), "slope": (1.8, 3.6), "resonance": (0.0, 1.5), "dynamics": (0.3, 1.5),
    "bloom": (-0.8, 1.8), "bloom_time": (0.3, 2.5), "lfo": (0.1, 0.9), "lfo_rate": (0.06, 0.7),
    "sub": (-0.6, 0.6), "air": (-0.05, 0.05), "width": (0.55, 1.0), "attack": (0.03, 0.5),
    "release": (0.15, 0.9),
}  # fmt: skip
_STRINGS = {
    "players": (3.0, 6.0), "detune": (3.0, 12.0), "tilt": (0.9, 1.4), "cutoff": (8.6, 11.3),
    "slope": (1.6, 2.8), "dynamics": (0.5, 2.0), "swell": (0.2, 1.2), "vibrato": (5.0, 28.0),
    "vibrato_rate": (4.4, 6.4), "bow": (0.003, 0.04), "body": (0.8, 1.25), "wood": (1.0, 7.0),
    "late": (0.005, 0.05), "width": (0.5, 1.0), "attack": (0.05, 0.4), "release": (0.12, 0.6),
}  # fmt: skip
_BRASS = {
    "players": (2.0, 5.0), "detune": (3.0, 16.0), "cutoff": (8.4, 11.0), "slope": (2.0, 3.4),
    "bite": (0.5, 2.2), "dynamics": (0.6, 2.2), "rise": (0.02, 0.1), "sag": (0.3, 0.85),
    "late": (0.002, 0.025), "scoop": (10.0, 120.0), "bell": (500.0, 1300.0), "honk": (0.0, 7.0),
    "breath": (0.0005, 0.01), "width": (0.3, 0.9), "release": (0.04, 0.16),
}  # fmt: skip

_VIOLIN_SEAT = 76.0  # MIDI pitch of the players on the far left; lower ones sit further right
_WOOD = ((290.0, 2.0), (480.0, 3.0), (1050.0, 2.5), (2400.0, 1.5))  # body resonances: Hz, Q


def _seats(count: int, width: float) -> Iterator[float]:
    """Yield positions from left to right, -1 .. 1."""
    yield from np.linspace(-width, width, count)


def _pad(rng: Rng, note: Note, n: int, knobs: Knobs) -> Audio:
    """Detuned waves, spread in stereo, through a slowly moving filter."""
    hz = hertz(note.pitch)
    t = time_axis(n)
    table = _pad_table(knobs)
    bloom = t / knobs["bloom_time"] * np.exp(1 - t / knobs["bloom_time"])
    turn = 2 * np.pi * (knobs["lfo_rate"] * (note.start + t))
    cutoff = knobs["cutoff"] + knobs["dynamics"] * (note.velocity - 0.7)
    curve = cutoff + 0.4 * np.log2(hz / 262) + knobs["bloom"] * bloom
    curve += knobs["lfo"] * np.sin(turn)
    count = round(knobs["voices"])
    out = np.zeros((2, n))
    for seat, off in zip(_seats(count, knobs["width"]), rng.permutation(count), strict=True):
        cents = knobs["detune"] * (2 * off / (count - 1) - 1) + 3 * drift(rng, n, 0.7)
        cycles = rng.random() + np.cumsum(hz * 2 ** (cents / 1200)) / SAMPLE_RATE
        out += pan(table.play(cycles, np.array(hz), curve), seat)
    if knobs["sub"] > 0:
        out += knobs["sub"] * np.sin(np.pi * hz * t) * np.ones((2, 1))
    if knobs["air"] > 0:
        out += knobs["air"] * band(rng.standard_normal((2, n)), hz, 2 ** (cutoff + 0.5))
    return out * note.velocity


def _pad_table(knobs: Knobs) -> Wavetable:
    return wavetable(
        saw_pulse(knobs["square"], knobs["duty"]),
        ceiling=min(knobs["cutoff"] + 1.5, 12.8),
        slope=knobs["slope"],
        resonance=knobs["resonance"],
    )


def _strings(rng: Rng, note: Note, n: int, knobs: Knobs) -> Audio:
    """A section whose players each have their own vibrato, intonation, timing and position."""
    hz = hertz(note.pitch)
    table = wavetable(
        np.arange(1, HARMONICS + 1.0) ** -knobs["tilt"],
        ceiling=min(knobs["cutoff"] + 1.5, 12.8),
        slope=knobs["slope"],
    )
    t = time_axis(n)
    swell = np.sin(np.pi * np.clip(t / (note.duration + 0.1), 0, 1))
    loud = 10 ** (knobs["swell"] * 6 * (swell - 1) / 20)
    cutoff = knobs["cutoff"] + knobs["dynamics"] * (note.velocity - 0.7) + 0.4 * np.log2(hz / 262)
    curve = cutoff + 0.7 * knobs["swell"] * (swell - 0.6)
    middle = float(np.clip((_VIOLIN_SEAT - note.pitch) / 24 - 0.6, -0.6, 0.6)) * knobs["width"]
    out = np.zeros((2, n))
    for seat in _seats(round(knobs["players"]), knobs["width"]):
        rate = knobs["vibrato_rate"] * rng.uniform(0.88, 1.12)
        sway = np.sin(2 * np.pi * (rate * t + rng.random())) * np.minimum(t / 0.5, 1)
        cents = rng.normal(0, knobs["detune"]) + 5 * drift(rng, n, 0.25)
        cents += knobs["vibrato"] * rng.uniform(0.6, 1.4) * sway
        cycles = rng.random() + np.cumsum(hz * 2 ** (cents / 1200)) / SAMPLE_RATE
        entry = np.clip((t - knobs["late"] * rng.random()) / 0.05, 0, 1)
        player = table.play(cycles, np.array(hz), curve + 0.15 * drift(rng, n, 0.3))
        out += pan(player * entry, float(np.clip(middle + 0.8 * seat, -1, 1)))
    # Rosin: noise as strong as the bow, most of it at the start of the note.
    scrape = (1 + 2 * np.exp(-t / 0.08)) * (1 + 0.3 * drift(rng, n, 0.05))
    out += knobs["bow"] * scrape * band(rng.standard_normal((2, n)), 500.0, 2 ** (cutoff + 1))
    return out * (loud * note.velocity)


def _brass(rng: Rng, note: Note, n: int, knobs: Knobs) -> Audio:
    """Players who start nearly together; the louder the tone, the brighter."""
    hz = hertz(note.pitch)
    table = wavetable(
        np.arange(1, HARMONICS + 1.0) ** -0.9,
        ceiling=min(knobs["cutoff"] + 1.5, 12.8),
        slope=knobs["slope"],
    )
    t = time_axis(n)
    open_ = knobs["cutoff"] + knobs["dynamics"] * (note.velocity - 0.7) + 0.35 * np.log2(hz / 262)
    out = np.zeros((2, n))
    for seat in _seats(round(knobs["players"]), knobs["width"]):
        after = t - knobs["late"] * rng.uniform(0, 2)
        rise = np.clip(after / (knobs["rise"] * rng.uniform(0.8, 1.3)), 0, 1)
        rise *= rise * (3 - 2 * rise)
        fall = np.clip(note.duration - t, 0, 0.08) / 0.08
        blow = rise * (knobs["sag"] + (1 - knobs["sag"]) * np.exp(-np.maximum(after, 0) / 0.15))
        cents = rng.normal(0, knobs["detune"]) + 4 * drift(rng, n, 0.2)
        cents -= knobs["scoop"] * rng.uniform(0.5, 1.2) * np.exp(-np.maximum(after, 0) / 0.03)
        cycles = rng.random() + np.cumsum(hz * 2 ** (cents / 1200)) / SAMPLE_RATE
        curve = open_ + knobs["bite"] * (1.6 * blow * (0.6 + 0.4 * fall) - 1.2)
        tone = table.play(cycles, np.array(hz), curve)
        hiss = band(rng.standard_normal(n), 800.0, 3000.0)
        out += pan(blow * (tone + knobs["breath"] * hiss), seat)
    return out * note.velocity


_string_notes, _brass_notes = each(_strings), each(_brass)


def _play_strings(notes: tuple[Note, ...], n: int, knobs: Knobs, rng: Rng) -> Audio:
    out = _string_notes(notes, n, knobs, rng)
    for frequency, q in _WOOD:
        out = peaking(out, frequency * knobs["body"], knobs["wood"], q)
    return out


def _play_brass(notes: tuple[Note, ...], n: int, knobs: Knobs, rng: Rng) -> Audio:
    return peaking(_brass_notes(notes, n, knobs, rng), knobs["bell"], knobs["honk"], 1.2)


ENSEMBLES: dict[str, Instrument] = {
    "pad": Instrument(_PAD, each(_pad), 31, 90),
    "strings": Instrument(_STRINGS, _play_strings, 34, 93),
    "brass": Instrument(_BRASS, _play_brass, 38, 84),
}
