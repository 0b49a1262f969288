"""Struck keyboards of the stem `other`: piano, electric piano, mallets."""

import numpy as np

from demo.dsp import Audio, band, decay, hertz, pan, time_axis
from demo.instruments.instrument import Instrument
from demo.instruments.organ import ORGAN
from demo.instruments.oscillators import burst, modes
from demo.instruments.playing import each
from demo.score import Note
from demo.splits import Knobs, Rng

# Cutoffs are log2 of Hz, which makes octaves equally likely.
_PIANO = {
    "cutoff": (8.3, 11.3), "dynamics": (0.8, 3.0), "slope": (1.8, 3.4), "tilt": (0.5, 1.3),
    "t60": (4.0, 14.0), "damping": (0.3, 1.5), "stretch": (1e-4, 7e-4), "detune": (0.4, 5.0),
    "strike": (0.09, 0.16), "aftersound": (0.08, 0.4), "hammer": (0.01, 0.12),
    "width": (0.3, 1.0), "release": (0.08, 0.7),
}  # fmt: skip
_EPIANO = {
    "index": (0.4, 3.0), "bark": (0.0, 1.0), "drive": (0.8, 3.0), "offset": (0.15, 0.8),
    "tine": (0.01, 0.14), "ratio": (4.0, 14.0), "t60": (2.0, 8.0), "cutoff": (9.8, 12.8),
    "dynamics": (0.5, 2.0), "tremolo": (-0.3, 0.8), "rate": (1.5, 7.0), "width": (0.2, 1.0),
    "release": (0.06, 0.4),
}  # fmt: skip
_MALLET = {
    "bell": (0.0, 1.0), "t60": (0.4, 6.0), "second": (0.05, 0.6), "third": (0.02, 0.3),
    "damping": (0.2, 1.2), "stick": (0.02, 0.3), "cutoff": (9.6, 12.6), "dynamics": (0.5, 2.5),
    "motor": (-0.4, 0.5), "rate": (2.0, 7.5), "width": (0.2, 0.9), "release": (0.1, 1.2),
}  # fmt: skip

_BAR = np.array([1.0, 3.98, 9.6, 16.5])  # a bar tuned like those of marimbas and vibraphones
_BELL = np.array([1.0, 2.76, 5.40, 8.93])  # a free bar, as in glockenspiels
_TREMBLE = 0.15  # share of the tremolo that is common to both sides


def _place(hz: float, width: float) -> float:
    """The position of a key: low keys left, high keys right, -1 .. 1."""
    return float(np.clip(width * np.log2(hz / 260.0) / 2.5, -0.9, 0.9))


def _aside(x: Audio, position: float) -> Audio:
    """Stereo `x` (2, n), panned to one side."""
    out: Audio = x * np.sqrt(2) * pan(np.ones(1), position)
    return out


def _piano(rng: Rng, note: Note, n: int, knobs: Knobs) -> Audio:
    """Pairs of stiff strings: one decays fast and beats with the other, which sustains."""
    hz = hertz(note.pitch)
    k = np.arange(1, int(np.clip(11000 / hz, 4, 48)) + 1)
    partials = hz * k * np.sqrt(1 + knobs["stretch"] * (hz / 262) ** 0.7 * k * k)
    k, partials = k[partials < 16000], partials[partials < 16000]
    # Hammers are brighter for hard blows and for short strings.
    opening = knobs["dynamics"] * (note.velocity - 0.7) + 0.35 * np.log2(hz / 262)
    hammer = 2 ** (knobs["cutoff"] + opening)
    level = k ** -knobs["tilt"] * (1 + (partials / hammer) ** 2) ** (-knobs["slope"] / 2)
    level *= 0.15 + np.abs(np.sin(np.pi * k * knobs["strike"]))
    level *= note.velocity * 10 ** (rng.normal(0, 1.5, len(k)) / 20)
    t60 = knobs["t60"] * (262 / hz) ** 0.5 / (1 + knobs["damping"] * partials / 1000)
    bend = 2 ** (knobs["detune"] * rng.normal(1, 0.3, (2, len(k))) / 1200)
    after = knobs["aftersound"]
    strings = [
        (partials, 0.3 * t60, (1 - after) * level),
        (partials * bend[0], t60, after * level),
        (partials / bend[1], 0.45 * t60, 0.6 * (1 - after) * level),
    ]
    phase = rng.uniform(-2, 2, (2, 3 * len(k))) * knobs["width"]
    side = 10 ** (4 * knobs["width"] * rng.uniform(-1, 1, (2, 3 * len(k))) / 20)
    f, t, a = (np.concatenate(parts) for parts in zip(*strings, strict=True))
    tone = modes(f, np.maximum(t, 0.03), a * side * np.exp(1j * phase), n)
    knock = band(burst(rng, n, 0.12), 90.0, min(0.6 * hammer, 6000.0))
    tone += knobs["hammer"] * note.velocity**1.5 * knock
    return _aside(tone, _place(hz, 0.8 * knobs["width"]))


def _epiano(rng: Rng, note: Note, n: int, knobs: Knobs) -> Audio:
    """A tine and a pickup: frequency modulation for the bell, a nonlinearity for the bark."""
    hz = hertz(note.pitch)
    force = note.velocity**0.8
    fade = decay(n, knobs["t60"] * (262 / hz) ** 0.4)
    angle = 2 * np.pi * hz * time_axis(n) + rng.uniform(-0.3, 0.3)
    index = knobs["index"] * (0.3 + force) * decay(n, 1.2)
    bell = np.sin(angle + index * np.sin(angle)) * fade
    swing = (
        knobs["drive"] * force * np.sin(angle) * (0.35 + 0.65 * decay(n, 2.5)) * fade
        + knobs["offset"]
    )
    growl = swing / (0.35 + swing * swing)
    growl -= knobs["offset"] / (0.35 + knobs["offset"] ** 2)
    tone = (1 - knobs["bark"]) * bell * force + knobs["bark"] * growl
    ping = min(hz * knobs["ratio"] * 2 ** rng.normal(0, 0.01), 9000.0)
    tine = modes(np.array([ping]), np.array([0.5]), np.ones((1, 1), complex), n)[0]
    tone += knobs["tine"] * force**2 * (tine + 0.3 * band(burst(rng, n, 0.06), 300.0, 3000.0, 1))
    opening = knobs["dynamics"] * (note.velocity - 0.7) + 0.3 * np.log2(hz / 262)
    tone = band(tone, 40.0, 2 ** (knobs["cutoff"] + opening), 1)
    return _aside(np.stack([tone, tone]), _place(hz, 0.5 * knobs["width"]))


def _mallet(rng: Rng, note: Note, n: int, knobs: Knobs) -> Audio:
    """A bar or a bell struck with a mallet; the harder the blow, the brighter."""
    hz = hertz(note.pitch)
    ratios = (1 - knobs["bell"]) * _BAR + knobs["bell"] * _BELL
    ratios[1:] *= 2 ** rng.normal(0, 0.004, len(ratios) - 1)
    partials = hz * ratios
    hard = 2 ** (knobs["cutoff"] + knobs["dynamics"] * (note.velocity - 0.7))
    level = np.array([1.0, knobs["second"], knobs["third"], 0.5 * knobs["third"]])
    level *= note.velocity / (1 + (partials / hard) ** 2)
    level[1:] *= note.velocity**0.6
    keep = partials < 16000
    t60 = knobs["t60"] * (262 / hz) ** 0.5 / ratios ** knobs["damping"]
    phase = rng.uniform(-1.2, 1.2, (2, len(ratios))) * knobs["width"]
    side = 1 + 0.5 * knobs["width"] * rng.uniform(-1, 1, (2, len(ratios)))
    parts = (level * side * np.exp(1j * phase))[:, keep]
    tone = modes(partials[keep], np.maximum(t60[keep], 0.04), parts, n)
    tick = band(burst(rng, n, 0.04), 150.0, min(hard, 7000.0))
    tone += knobs["stick"] * note.velocity**1.5 * tick
    return _aside(tone, _place(hz, knobs["width"]))


def _tremolo(x: Audio, knobs: Knobs, depth: float, apart: float, rng: Rng) -> Audio:
    """`x` (2, n) with tremolo; `apart`, 0..1, is how much the sides alternate."""
    angle = 2 * np.pi * (knobs["rate"] * time_axis(x.shape[1]) + rng.random())
    sway = np.stack([np.sin(angle), np.sin(angle + np.pi * apart)])
    out: Audio = x * (1 + max(depth, 0.0) * sway)
    return out


_piano_notes, _epiano_notes, _mallet_notes = each(_piano), each(_epiano), each(_mallet)


def _play_epiano(notes: tuple[Note, ...], n: int, knobs: Knobs, rng: Rng) -> Audio:
    dry = _epiano_notes(notes, n, knobs, rng)
    return _tremolo(dry, knobs, knobs["tremolo"], knobs["width"], rng)


def _play_mallet(notes: tuple[Note, ...], n: int, knobs: Knobs, rng: Rng) -> Audio:
    return _tremolo(_mallet_notes(notes, n, knobs, rng), knobs, knobs["motor"], _TREMBLE, rng)


KEYS: dict[str, Instrument] = {
    "piano": Instrument(_PIANO, _piano_notes, 28, 100),
    "epiano": Instrument(_EPIANO, _play_epiano, 28, 96),
    "organ": ORGAN,
    "mallet": Instrument(_MALLET, _play_mallet, 40, 96),
}
