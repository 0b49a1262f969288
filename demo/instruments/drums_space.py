"""The acoustics of the drums: close microphones, a pair of overheads, and the room."""

from dataclasses import dataclass

import numpy as np
from scipy import signal

from demo.dsp import SAMPLE_RATE, Audio, add_at, band, decay, gate, pan
from demo.instruments.drums_hits import samples
from demo.splits import Knobs, Rng

RANGES = {
    "width": (0.35, 1.0),
    "overheads": (0.2, 0.7),  # level of a drum in them, relative to its own microphone
    "distance": (0.002, 0.007),  # of the overheads, seconds
    "early": (0.1, 0.4),
    "room_t60": (0.15, 0.6),
    "room_wet": (0.2, 0.6),
    "room_low": (40.0, 120.0),
    "room_high": (2500.0, 8000.0),
    "machine_space": (0.2, 0.8),  # how much of all this is applied to a drum machine
}
_REFLECTIONS = 5


@dataclass(frozen=True)
class Spot:
    """The position of one piece of the kit."""

    pan: float  # -1 left .. 1 right, before scaling by the kit's width
    close: float  # level in its own microphone; cymbals have none
    send: float  # level in the room


class Place:
    """The path from one piece to the microphones, drawn once per song."""

    def __init__(self, rng: Rng, knobs: Knobs, spot: Spot, space: float) -> None:
        side = spot.pan * knobs["width"]
        # The overheads pick up a piece without its own microphone at full level.
        above = space * knobs["overheads"] if spot.close else 1.0
        self._side, self._close = side * (0.3 + 0.7 * space), spot.close
        self._taps: list[list[tuple[int, float]]] = []
        for sign in (-1.0, 1.0):
            way = knobs["distance"] * (1.0 - 0.15 * sign * side)
            self._taps.append([(samples(way), above * (1.0 + 0.35 * sign * side))])
        self._echoes: list[list[tuple[int, float]]] = []
        for _ in range(2):
            late = rng.uniform(0.001, 0.022, _REFLECTIONS)
            gains = rng.uniform(0.3, 1.0, _REFLECTIONS) * rng.choice([-1.0, 1.0], _REFLECTIONS)
            gains *= space * above * knobs["early"] * np.exp(-late / 0.015)
            ways = samples(knobs["distance"]) + (late * SAMPLE_RATE).astype(int)
            self._echoes.append([(int(w), float(g)) for w, g in zip(ways, gains, strict=True)])

    def hear(self, hit: Audio) -> Audio:
        """A mono hit as the microphones receive it, with its reflections.

        Shape: (m,) -> (2, m + k)
        """
        out = np.zeros((2, len(hit) + samples(0.03)))
        add_at(out, self._close * pan(hit, self._side), 0)
        dark = band(hit, 200.0, 6000.0, order=1)  # walls absorb the treble and let the bass through
        for channel, taps, echoes in zip(out, self._taps, self._echoes, strict=True):
            for delay, gain in taps:
                add_at(channel, gain * hit, delay)
            for delay, gain in echoes:
                add_at(channel, gain * dark, delay)
        return out


def reverberate(bus: Audio, rng: Rng, knobs: Knobs) -> Audio:
    """The reverberation that the room adds to `bus`. Shape: (2, n) -> (2, n)."""
    t60 = knobs["room_t60"]
    n = samples(t60)
    impulse = rng.standard_normal((2, n)) * decay(n, t60) * gate(n, 0.006, 0.05)
    impulse /= np.sqrt((impulse**2).sum(axis=-1, keepdims=True))
    # Filtered after scaling: the level in the pass-band does not depend on the cutoffs.
    impulse = band(impulse, knobs["room_low"], knobs["room_high"], order=1)
    tail: Audio = signal.oaconvolve(bus, impulse, axes=-1)[:, : bus.shape[-1]]
    return tail
