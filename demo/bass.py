"""Bass guitars and synthesiser basses."""

from collections.abc import Callable

import numpy as np

from demo.dsp import Audio, band, decay, pan, pluck, render_bank, saw, time_axis
from demo.score import Note
from demo.splits import Palette

RANGES = {
    "t60": (1.2, 4.0),
    "bright": (0.1, 0.6),
    "cutoff": (300.0, 1600.0),
    "sweep": (0.0, 3.0),  # how far the filter opens at the attack, in cutoffs
    "harmonic": (0.05, 0.6),
    "fm_index": (0.8, 3.0),
    "release": (0.02, 0.09),
}
KINDS = ("fingered", "saw", "sub", "fm")

Tone = Callable[[np.random.Generator, float, int, dict[str, float]], Audio]


def _fingered(rng: np.random.Generator, hz: float, n: int, knobs: dict[str, float]) -> Audio:
    string = pluck(rng, hz, n, t60=knobs["t60"], bright=knobs["bright"])
    # A real string's fundamental outlives the pick noise; the sine keeps low notes firm.
    string = band(string, None, knobs["cutoff"])
    return string + 0.6 * np.sin(2 * np.pi * hz * time_axis(n)) * decay(n, knobs["t60"])


def _saw(_: np.random.Generator, hz: float, n: int, knobs: dict[str, float]) -> Audio:
    tone = saw(np.full(n, hz)) + saw(np.full(n, hz * 1.003), 0.3)
    bite = band(tone, None, min(knobs["cutoff"] * (1 + knobs["sweep"]), 9000.0))
    return 0.5 * (band(tone, None, knobs["cutoff"]) + bite * decay(n, 0.35))


def _sub(_: np.random.Generator, hz: float, n: int, knobs: dict[str, float]) -> Audio:
    angle = 2 * np.pi * hz * time_axis(n)
    overtones = np.sin(2 * angle) + 0.4 * np.sin(3 * angle)
    return np.tanh(1.2 * (np.sin(angle) + knobs["harmonic"] * overtones)) * decay(n, 6.0)


def _fm(_: np.random.Generator, hz: float, n: int, knobs: dict[str, float]) -> Audio:
    angle = 2 * np.pi * hz * time_axis(n)
    index = knobs["fm_index"] * (0.3 + 0.7 * decay(n, 0.6))
    tone: Audio = np.sin(angle + index * np.sin(angle)) * decay(n, 2 * knobs["t60"])
    return tone


_TONES: dict[str, Tone] = {"fingered": _fingered, "saw": _saw, "sub": _sub, "fm": _fm}


def render_bass(
    notes: tuple[Note, ...], n: int, palette: Palette, rng: np.random.Generator
) -> tuple[Audio, str]:
    """Return the bass stem, shape (2, n), and the kind of bass that plays."""
    kind = KINDS[rng.integers(len(KINDS))]
    knobs = palette.draw_all("bass", RANGES)
    out = np.zeros((2, n))
    render_bank(
        out,
        [(note.start, note.duration, note.pitch, note.velocity) for note in notes],
        lambda hz, m: pan(_TONES[kind](rng, hz, m, knobs), 0.0),
        attack=0.004,
        release=knobs["release"],
    )
    # Recorded basses lose 6 dB per octave or more above some hundred hertz.
    return band(out, 28.0, 2.0 * knobs["cutoff"], order=1), kind
