"""An electric guitar that plays one note at a time, with bends, slides and vibrato."""

import numpy as np
from scipy import signal

from demo.dsp import SAMPLE_RATE, Audio, band, overdrive, pan
from demo.instruments.guitars import cabinet
from demo.instruments.instrument import Instrument
from demo.instruments.oscillators import HARMONICS, burst, wavetable
from demo.instruments.playing import LINE, line, ping
from demo.score import Note
from demo.splits import Knobs, Rng

# Cutoffs are log2 of Hz; `drive` is log10 of the gain, which makes clean and driven equally likely.
_SOLO = LINE | {
    "pick_place": (0.05, 0.35), "tilt": (0.7, 1.6), "cutoff": (8.6, 11.8), "slope": (1.5, 2.8),
    "filter": (0.0, 2.2), "filter_decay": (0.1, 1.2), "ring": (0.4, 6.0), "pick": (0.01, 0.25),
    "drive": (-0.5, 1.7), "bias": (0.0, 0.5), "cabinet_low": (65.0, 110.0),
    "cabinet": (2800.0, 5500.0), "thump": (0.0, 5.0), "mud": (-6.0, 3.0), "presence": (-3.0, 6.0),
    "attack": (0.003, 0.015), "swell": (0.0, 0.2), "glide": (0.02, 0.25), "scoop": (0.0, 2.5),
    "vibrato": (5.0, 70.0), "place": (-0.5, 0.5),
}  # fmt: skip


def _solo(notes: tuple[Note, ...], n: int, knobs: Knobs, rng: Rng) -> Audio:
    """A plucked string's harmonics, which ring on under the fingers, into amplifier and cabinet."""
    played = line(notes, n, knobs, rng)
    k = np.arange(1, HARMONICS + 1.0)
    plucked = k ** -knobs["tilt"] * (0.1 + np.abs(np.sin(np.pi * k * knobs["pick_place"])))
    table = wavetable(plucked, ceiling=12.8, slope=knobs["slope"])
    cutoff = knobs["cutoff"] + knobs["filter"] * ping(played, knobs["filter_decay"])
    tone = table.play(played.cycles, played.hertz, cutoff)
    tone *= played.level * ping(played, knobs["ring"])
    picks = np.zeros(n)
    picks[played.tongued] = played.force
    scratch = signal.oaconvolve(picks, burst(rng, int(0.012 * SAMPLE_RATE), 0.01))[:n]
    tone += knobs["pick"] * band(scratch, 900.0, 5000.0)
    gain = 10 ** knobs["drive"]
    driven = overdrive(tone, gain, knobs["bias"]) * max(gain, 1.0)
    return pan(cabinet(driven, knobs), knobs["place"])


SOLOS: dict[str, Instrument] = {"solo": Instrument(_SOLO, _solo, 45, 90)}
