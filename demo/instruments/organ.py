"""An electric organ and its rotating loudspeaker."""

import numpy as np
from scipy import signal

from demo.dsp import SAMPLE_RATE, Audio, band, decay, hertz, overdrive, time_axis
from demo.instruments.instrument import Instrument
from demo.instruments.oscillators import HARMONICS, burst, wavetable
from demo.instruments.playing import each
from demo.score import Note
from demo.splits import Knobs, Rng

_RANGES = {
    # The drawbars, named after the pitch that they add to an 8-foot stop.
    "sub": (0.0, 1.0), "fifth": (0.0, 0.9), "octave": (0.1, 0.9), "twelfth": (0.0, 0.6),
    "fifteenth": (0.0, 0.4), "upper": (0.0, 0.2),
    "click": (0.0, 0.12), "percussion": (-0.5, 0.6), "cutoff": (9.5, 12.2), "drive": (0.2, 1.8),
    "fast": (5.5, 7.5), "slow": (0.5, 1.0), "hurry": (0.0, 1.0), "depth": (0.1, 0.6),
    "doppler": (1e-4, 6e-4), "width": (0.2, 0.9), "release": (0.015, 0.08),
}  # fmt: skip
_HORN_HZ = 800.0  # above it the horn radiates, below it the slower drum
_INERTIA = 0.8  # seconds that the horn takes to change its speed


def _tone(rng: Rng, note: Note, n: int, knobs: Knobs) -> Audio:
    """Drawbars as one cycle at half the pitch, with the click of the key contacts."""
    bars = {1: "sub", 3: "fifth", 4: "octave", 6: "twelfth", 8: "fifteenth"}
    amplitudes = np.zeros(HARMONICS)
    amplitudes[1] = 1.0
    for harmonic, name in bars.items():
        amplitudes[harmonic - 1] = knobs[name]
    amplitudes[[9, 11, 15]] = knobs["upper"]
    # Contacts close one after another, and the phases of the tone wheels are random.
    amplitudes *= rng.choice([-1.0, 1.0], HARMONICS)
    hz = hertz(note.pitch)
    cycles = rng.random() + 0.5 * hz * time_axis(n)
    table = wavetable(amplitudes, ceiling=knobs["cutoff"], slope=1.2)
    tone = table.play(cycles, np.array(0.5 * hz), np.full(n, knobs["cutoff"]))
    second = np.sin(8 * np.pi * cycles) * decay(n, 0.6)
    tone += max(knobs["percussion"], 0.0) * second
    tone += 3 * knobs["click"] * band(burst(rng, n, 0.02), 400.0, 4000.0)
    # An organ's keys ignore velocity; a little remains, as from the swell pedal.
    return np.stack([tone, tone]) * (0.7 + 0.3 * note.velocity)


def rotate(x: Audio, knobs: Knobs, rng: Rng) -> Audio:
    """Mono through a rotating loudspeaker. Shape: (n,) -> (2, n).

    It rotates slowly or fast and changes its speed a few times.
    """
    n = len(x)
    seconds = int(n / SAMPLE_RATE / 4) + 1
    wish = rng.random(seconds) < knobs["hurry"]
    keep = np.exp(-1 / (_INERTIA * SAMPLE_RATE))
    wanted = np.repeat(wish.astype(float), 4 * SAMPLE_RATE + 1)[:n]
    haste, _ = signal.lfilter([1 - keep], [1, -keep], wanted, zi=[keep * float(wish[0])])
    horn = np.cumsum(knobs["slow"] + haste * (knobs["fast"] - knobs["slow"])) / SAMPLE_RATE
    low = band(x, None, _HORN_HZ, 1)
    sides = []
    for angle in (-0.35 * knobs["width"], 0.35 * knobs["width"]):
        turn = 2 * np.pi * (horn + angle)
        late = SAMPLE_RATE * knobs["doppler"] * (1 + np.sin(turn))
        bent = np.interp(np.arange(n) - late, np.arange(n), x - low, left=0.0)
        drum = low * (1 + 0.4 * knobs["depth"] * np.cos(0.85 * turn))
        sides.append(drum + bent * (1 + knobs["depth"] * np.cos(turn)))
    return np.stack(sides)


def _play(notes: tuple[Note, ...], n: int, knobs: Knobs, rng: Rng) -> Audio:
    mono = _all_notes(notes, n, knobs, rng)[0]
    driven = overdrive(mono, 0.25 * knobs["drive"])
    return band(rotate(driven, knobs, rng), 25.0, 9000.0, 1)


_all_notes = each(_tone)

ORGAN = Instrument(_RANGES, _play, 36, 96)
