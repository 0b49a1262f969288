"""Melody instruments of the stem `other`, in a singer's register but with fixed formants."""

import numpy as np
from scipy import signal

from demo.dsp import SAMPLE_RATE, Audio, band, hertz, overdrive, pan, peaking, time_axis
from demo.instruments.instrument import Instrument
from demo.instruments.oscillators import HARMONICS, burst, drift, saw_pulse, wavetable
from demo.instruments.playing import LINE, Line, each, line, ping
from demo.score import Note
from demo.splits import Knobs, Rng

# Cutoffs are log2 of Hz, which makes octaves equally likely.
_LEAD = LINE | {
    "square": (0.0, 1.0), "duty": (0.08, 0.5), "detune": (1.0, 18.0), "second": (0.0, 1.0),
    "sub": (-0.4, 0.5), "cutoff": (8.4, 11.2), "slope": (1.8, 3.8), "resonance": (0.0, 2.5),
    "filter": (0.0, 1.8), "filter_decay": (0.06, 0.6), "glide": (0.01, 0.2),
    "attack": (0.004, 0.05), "vibrato": (0.0, 40.0), "scoop": (0.0, 0.3), "swell": (0.0, 0.3),
    "drive": (0.2, 2.5), "width": (0.0, 0.4),
}  # fmt: skip
_ARP = {
    "square": (0.0, 1.0), "duty": (0.1, 0.5), "detune": (1.0, 14.0), "cutoff": (7.9, 10.4),
    "slope": (1.8, 4.0), "resonance": (0.0, 2.5), "filter": (0.6, 2.8), "filter_decay": (0.03, 0.3),
    "dynamics": (0.3, 1.8), "t60": (0.25, 2.0), "width": (0.0, 0.5), "release": (0.03, 0.25),
}  # fmt: skip
_FLUTE = LINE | {
    "second": (0.15, 0.9), "third": (0.05, 0.5), "tilt": (1.8, 3.2), "cutoff": (9.6, 11.6),
    "dynamics": (0.5, 1.5), "breath": (0.02, 0.2), "air": (0.002, 0.03), "chiff": (0.0, 0.3),
    "tremolo": (0.1, 0.4), "vibrato": (5.0, 30.0),
}  # fmt: skip
_VIOLIN = LINE | {
    "tilt": (0.8, 1.3), "bow_place": (0.07, 0.17), "cutoff": (9.4, 11.8), "slope": (1.5, 2.6),
    "dynamics": (0.5, 1.8), "body": (0.8, 1.25), "wood": (2.0, 8.0), "bow": (0.005, 0.05),
    "vibrato": (12.0, 45.0), "glide": (0.04, 0.18), "attack": (0.03, 0.12),
}  # fmt: skip
_SAX = LINE | {
    "even": (0.3, 1.0), "tilt": (0.7, 1.3), "cutoff": (9.2, 11.4), "slope": (1.6, 2.8),
    "dynamics": (0.8, 2.2), "bore": (0.75, 1.35), "honk": (2.0, 9.0), "growl": (-0.5, 0.5),
    "growl_rate": (22.0, 60.0), "breath": (0.004, 0.05), "scoop": (0.0, 2.0),
}  # fmt: skip

_WOOD = (  # body resonances of a violin: Hz, Q, factor for the knob
    (280.0, 8.0, 0.8), (460.0, 10.0, 1.0), (540.0, 10.0, 0.9), (700.0, 6.0, -0.6),
    (1000.0, 5.0, 0.5), (1500.0, 4.0, -0.5), (2500.0, 2.0, 0.6),
)  # fmt: skip
_BORE = ((650.0, 2.0, 1.0), (1350.0, 3.0, -0.5), (2200.0, 2.5, 0.6))  # the same for a saxophone


def _opening(played: Line, dynamics: float) -> Audio:
    """How far the filter opens with loudness, octaves."""
    out: Audio = dynamics * (np.clip(played.level, 0, 1) - 0.6)
    return out


def _formants(
    x: Audio, table: tuple[tuple[float, float, float], ...], scale: float, db: float
) -> Audio:
    """`x` through fixed resonances."""
    for frequency, q, share in table:
        x = peaking(x, frequency * scale, db * share, q)
    return x


def _lead(notes: tuple[Note, ...], n: int, knobs: Knobs, rng: Rng) -> Audio:
    """Two oscillators and a sub-oscillator through a filter with an envelope."""
    played = line(notes, n, knobs, rng)
    ceiling = min(knobs["cutoff"] + knobs["filter"] + 1, 12.8)
    table = wavetable(
        saw_pulse(knobs["square"], knobs["duty"]),
        ceiling=ceiling, slope=knobs["slope"], resonance=knobs["resonance"],
    )  # fmt: skip
    cutoff = knobs["cutoff"] + knobs["filter"] * ping(played, knobs["filter_decay"])
    cutoff += _opening(played, 1.2) + 0.4 * np.log2(played.hertz / 262)
    ratio = 2 ** (knobs["detune"] / 1200)
    first = table.play(played.cycles, played.hertz, cutoff)
    second = table.play(ratio * played.cycles, ratio * played.hertz, cutoff)
    first += max(knobs["sub"], 0.0) * np.sin(np.pi * played.cycles)
    out = pan(first, -knobs["width"]) + knobs["second"] * pan(second, knobs["width"])
    return overdrive(out, knobs["drive"]) * played.level


def _arp(rng: Rng, note: Note, n: int, knobs: Knobs) -> Audio:
    """A short note whose filter closes quickly."""
    hz = hertz(note.pitch)
    t = time_axis(n)
    table = wavetable(
        saw_pulse(knobs["square"], knobs["duty"]),
        ceiling=min(knobs["cutoff"] + knobs["filter"] + 0.5, 12.8),
        slope=knobs["slope"],
        resonance=knobs["resonance"],
    )
    open_ = knobs["cutoff"] + knobs["dynamics"] * (note.velocity - 0.7) + 0.5 * np.log2(hz / 262)
    cutoff = open_ + knobs["filter"] * np.exp(-t / knobs["filter_decay"])
    out = np.zeros((2, n))
    for side in (-1, 1):
        ratio = 2 ** (0.5 * side * knobs["detune"] / 1200)
        cycles = rng.random() + hz * ratio * t
        out += pan(table.play(cycles, np.array(hz), cutoff), side * knobs["width"])
    return out * (note.velocity * np.exp(-6.9078 * t / knobs["t60"]))


def _flute(notes: tuple[Note, ...], n: int, knobs: Knobs, rng: Rng) -> Audio:
    """A few harmonics, and breath noise that is tuned to the note."""
    played = line(notes, n, knobs, rng)
    k = np.arange(1, HARMONICS + 1.0)
    amplitudes = k ** -knobs["tilt"]
    amplitudes[1:3] = knobs["second"], knobs["third"]
    table = wavetable(amplitudes, ceiling=12.5, slope=2.0)
    cutoff = knobs["cutoff"] + _opening(played, knobs["dynamics"])
    tone = table.play(played.cycles, played.hertz, cutoff)
    # The breath resonates in the pipe: slow noise that modulates the first harmonics.
    for harmonic in (1, 2, 3):
        flow = band(rng.standard_normal(n), None, 90.0, 1) * 8
        tone += knobs["breath"] / harmonic * flow * np.sin(2 * np.pi * harmonic * played.cycles)
    tone += knobs["air"] * band(rng.standard_normal(n), 1500.0, 6000.0)
    blows = np.zeros(n)
    blows[played.tongued] = played.force
    puff = signal.oaconvolve(blows, burst(rng, int(0.05 * SAMPLE_RATE), 0.08))[:n]
    tone *= played.level * (1 + knobs["tremolo"] * played.sway)
    return _mono(tone + knobs["chiff"] * band(puff, 700.0, 4000.0))


def _violin(notes: tuple[Note, ...], n: int, knobs: Knobs, rng: Rng) -> Audio:
    """A bowed string: a saw with notches set by the bow's position, through a wooden body."""
    played = line(notes, n, knobs, rng)
    k = np.arange(1, HARMONICS + 1.0)
    holes = 0.15 + np.abs(np.sin(np.pi * k * knobs["bow_place"]))
    table = wavetable(k ** -knobs["tilt"] * holes, ceiling=12.8, slope=knobs["slope"])
    cutoff = knobs["cutoff"] + _opening(played, knobs["dynamics"]) + 0.08 * drift(rng, n, 0.06)
    tone = table.play(played.cycles, played.hertz, cutoff)
    grip = 1 + 4 * np.exp(-played.age / 0.04)
    # Rosin sticks and slips once per cycle, so its noise pulses with the string.
    slip = 0.4 + (played.cycles % 1.0) ** 2
    tone += knobs["bow"] * grip * slip * band(rng.standard_normal(n), 700.0, 5000.0)
    tone *= played.level * (1 + 0.06 * drift(rng, n, 0.08))
    return _mono(_formants(tone, _WOOD, knobs["body"], knobs["wood"]))


def _sax(notes: tuple[Note, ...], n: int, knobs: Knobs, rng: Rng) -> Audio:
    """A reed on a conical bore, modulated by a growling throat."""
    played = line(notes, n, knobs, rng)
    k = np.arange(1, HARMONICS + 1.0)
    amplitudes = k ** -knobs["tilt"] * np.where(k % 2 == 0, knobs["even"], 1.0)
    table = wavetable(amplitudes, ceiling=12.8, slope=knobs["slope"])
    shake = drift(rng, n, 0.01) + np.sin(2 * np.pi * knobs["growl_rate"] * time_axis(n))
    shake *= max(knobs["growl"], 0.0) * (0.2 + 0.8 * ping(played, 0.4))
    cutoff = knobs["cutoff"] + _opening(played, knobs["dynamics"]) + 0.8 * shake
    tone = table.play(played.cycles + 0.05 * shake, played.hertz, cutoff)
    tone += knobs["breath"] * band(rng.standard_normal(n), 600.0, 4000.0)
    tone *= played.level * (1 + 0.5 * shake)
    return _mono(_formants(tone, _BORE, knobs["bore"], knobs["honk"]))


def _mono(x: Audio) -> Audio:
    """`x` (n,) in both channels, without rumble."""
    out: Audio = np.stack(2 * [band(x, 50.0, None, 1)])
    return out


LEADS: dict[str, Instrument] = {
    "lead": Instrument(_LEAD, _lead, 43, 91),
    "arp": Instrument(_ARP, each(_arp), 43, 96),
    "flute": Instrument(_FLUTE, _flute, 55, 96),
    "violin": Instrument(_VIOLIN, _violin, 52, 96),
    "sax": Instrument(_SAX, _sax, 46, 86),
}
