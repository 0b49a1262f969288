"""Guitars: steel and nylon strings on a wooden body, electric ones through an amplifier."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from scipy import signal

from demo.dsp import SAMPLE_RATE, Audio, band, hertz, overdrive, peaking, time_axis
from demo.instruments.instrument import Instrument, Play
from demo.instruments.strings_model import Hand, String, level, perform
from demo.score import Note
from demo.splits import Knobs, Rng

BODY_SECONDS = 0.15
BODY_MODES = 48
TWO_TAKES = 0.62  # value of the knob `mics` above which a part is played twice, in either split

_STRING = {
    "pick": (0.1, 0.3), "t60": (1.5, 5.0), "release": (0.04, 0.15), "detune": (1.0, 7.0),
    "late": (0.002, 0.008), "width": (0.0, 1.0), "stiff": (3e-5, 1.2e-4), "beat": (0.2, 1.5),
}  # fmt: skip
_WOOD = {
    **_STRING, "air": (92.0, 118.0), "top": (170.0, 230.0), "grain": (0.1, 0.9),
    "wood": (0.5, 1.4), "tilt": (0.1, 0.6), "mics": (0.0, 1.0), "near": (0.0, 6.0),
    "apart": (3e-4, 1.6e-3),
}  # fmt: skip
_CABINET = {
    **_STRING, "pickup": (0.06, 0.24), "cabinet_low": (65.0, 100.0), "cabinet": (3400.0, 5500.0),
    "thump": (0.0, 5.0), "mud": (-6.0, 1.0), "presence": (-3.0, 6.0),
}  # fmt: skip


def restruck(notes: tuple[Note, ...]) -> tuple[Note, ...]:
    """The notes sorted by start, each shortened to end where its pitch is struck again."""
    last: dict[float, float] = {}
    cut = []
    for note in sorted(notes, key=lambda note: note.start, reverse=True):
        end = last.get(note.pitch, np.inf)
        last[note.pitch] = note.start
        if end > note.start:
            cut.append(replace(note, duration=min(note.duration, end - note.start)))
    return tuple(reversed(cut))


def _strings(knobs: Knobs, rng: Rng) -> Callable[[float], String]:
    """The strings of one take; every pitch is slightly out of tune on its own."""

    def tone(pitch: float) -> String:
        """The string on which a pitch (MIDI) is played."""
        hz = hertz(pitch + rng.uniform(-1, 1) * knobs["detune"] / 100)
        octaves = np.log2(hz / 110)
        along = 2.0 ** (((pitch - 40) % 5) / 12)  # the fret shortens the string, the hand stays put
        return String(
            hz=hz,
            t60=knobs["t60"] * 2 ** (-0.45 * octaves),
            ring=knobs["ring"] * 2 ** (0.25 * octaves),
            stiff=knobs["stiff"] * 2 ** (0.6 * octaves),
            pick=min(0.5, knobs["pick"] * along),
            pickup=min(0.5, knobs.get("pickup", 0.0) * along),
            cutoff=knobs["attack"] * 2 ** (0.3 * octaves),
            beat=knobs["beat"],
        )

    return tone


def _spread(one: Audio, two: Audio, alike: float, width: float) -> Audio:
    """Two takes as stereo (2, n); their correlation is 0.95 for width 0, 0.4 for width 1."""
    shared = alike * (0.7 * (1 - width) + 0.25 * width)
    out: Audio = np.stack([one + shared * two, two + shared * one])
    return out


def _body(knobs: Knobs, side: int) -> Audio:
    """The impulse response of the wood at one microphone, shape (m,).

    The two lowest modes (air and top) carry the low notes. Those above are dense and look random,
    since they depend on the grain, but the same knobs always make the same guitar.
    """
    t = time_axis(int(BODY_SECONDS * SAMPLE_RATE))
    j = np.arange(BODY_MODES)
    chaos = np.modf((j + 3.0) ** 2 * (knobs["grain"] + 0.618))[0]
    hz = knobs["top"] * 1.9 * 1.065 ** (j + 0.8 * (chaos - 0.5))
    hz = np.concatenate([[knobs["air"], knobs["top"]], hz])
    gain = (hz[2:] / hz[2]) ** -knobs["tilt"] * np.sign(chaos - 0.5) * (0.3 + chaos)
    gain = np.concatenate([[1.2, 1.6], gain])
    phase = np.concatenate([[0.0, 0.9 * side], 2.5 * side * chaos[::-1]])
    damping = np.pi * hz / np.concatenate([[9.0, 16.0], 18 + 14 * chaos])
    angle = 2 * np.pi * np.outer(hz, t) + phase[:, None]
    modes = np.exp(-np.outer(damping, t)) * np.sin(angle)
    modes *= (gain * 2 * damping / SAMPLE_RATE)[:, None]  # the peak of every mode is its gain
    response: Audio = knobs["wood"] * modes.sum(axis=0)
    response[0] += 1.0
    away = int(side * knobs["apart"] * SAMPLE_RATE)
    return np.concatenate([np.zeros(away), response])


def _wooden(noise_band: tuple[float, float], noise_time: float) -> Play:
    """An acoustic guitar, recorded with two microphones, or twice with one."""

    def play(notes: tuple[Note, ...], n: int, knobs: Knobs, rng: Rng) -> Audio:
        """Play the notes, dry stereo; see Play. Shape: (2, n)."""
        hand = Hand(knobs["release"], knobs["noise"], noise_band, noise_time, punch=0.35)
        struck = restruck(notes)
        takes = [perform(struck, n, _strings(knobs, rng), hand, rng, 17000.0)]
        if knobs["mics"] > TWO_TAKES:
            late = replace(hand, late=knobs["late"])
            takes.append(perform(struck, n, _strings(knobs, rng), late, rng, 17000.0))
        sides = []
        for side in range(2):
            heard = signal.oaconvolve(takes[side % len(takes)], _body(knobs, side))[:n]
            sides.append(peaking(band(heard, 55.0, None), 120.0, knobs["near"], 0.7))
        alike = 0.65 if len(takes) == 1 else 1.0  # two microphones record the same performance
        return _spread(sides[0], sides[1], alike, knobs["width"])

    return play


def cabinet(x: Audio, knobs: Knobs, tone: float = 1.0) -> Audio:
    """`x` through a guitar loudspeaker; `tone` shifts its upper cutoff slightly.

    Shape: (n,) -> the same
    """
    x = band(x, knobs["cabinet_low"], tone * knobs["cabinet"], order=2)
    x = band(x, None, 1.25 * tone * knobs["cabinet"], order=2)
    x = peaking(x, 115.0, knobs["thump"], 1.2)
    x = peaking(x, 480.0, knobs["mud"], 0.8)
    return peaking(x, 2600.0 * tone, knobs["presence"], 1.0)


def _clean(notes: tuple[Note, ...], n: int, knobs: Knobs, rng: Rng) -> Audio:
    """Play an electric guitar through a nearly clean amplifier and a chorus."""
    hand = Hand(knobs["release"], knobs["noise"], (1000.0, 5000.0), 0.003, punch=0.4)
    dry = perform(restruck(notes), n, _strings(knobs, rng), hand, rng, 9000.0)
    mono = cabinet(overdrive(dry / level(dry), knobs["drive"], 0.2), knobs)
    sway = 0.5 + 0.5 * np.sin(2 * np.pi * knobs["rate"] * time_axis(n))
    index = np.arange(n)
    wet = np.interp(index - (0.006 + knobs["sway"] * sway) * SAMPLE_RATE, index, mono)
    # The delayed wave is added to one side and subtracted from the other: the mono sum stays dry.
    depth = 0.2 + 0.4 * knobs["width"]
    return np.stack([mono + depth * wet, mono - depth * wet])


def _driven(hand_of: Callable[[Knobs], Hand]) -> Play:
    """A distorted guitar, played twice: left and right, each through its own cabinet."""

    def play(notes: tuple[Note, ...], n: int, knobs: Knobs, rng: Rng) -> Audio:
        """Play the notes, dry stereo; see Play. Shape: (2, n)."""
        takes = []
        for side in range(2):
            # The sum of the chord is clipped, which makes its notes intermodulate.
            dry = perform(restruck(notes), n, _strings(knobs, rng), hand_of(knobs), rng, 9000.0)
            tight = band(dry / level(dry), knobs["tight"], None, order=1)
            bent = overdrive(tight, knobs["gain"], 0.25)
            takes.append(cabinet(bent, knobs, 1 + knobs["unlike"] * (side - 0.5)))
        shared = 0.2 + 0.9 * (1 - knobs["width"])
        return np.stack([takes[0] + shared * takes[1], takes[1] + shared * takes[0]])

    return play


def _open_hand(knobs: Knobs) -> Hand:
    return Hand(knobs["release"], knobs["noise"], (1000.0, 5000.0), 0.003, knobs["late"])


def _palm(knobs: Knobs) -> Hand:
    return Hand(
        knobs["release"], knobs["noise"], (600.0, 4000.0), 0.004, knobs["late"], knobs["punch"]
    )


_DRIVEN = {**_CABINET, "tight": (40.0, 140.0), "unlike": (0.05, 0.25), "width": (0.7, 1.0)}

GUITARS: dict[str, Instrument] = {
    "acoustic": Instrument(
        {**_WOOD, "ring": (3000.0, 9000.0), "attack": (3000.0, 12000.0), "noise": (0.05, 0.3),
         "pick": (0.12, 0.3)},
        _wooden((1200.0, 8000.0), 0.003), 40, 84),
    "nylon": Instrument(
        {**_WOOD, "ring": (1000.0, 2400.0), "attack": (1000.0, 3500.0), "noise": (0.03, 0.15),
         "stiff": (5e-6, 3e-5), "t60": (1.0, 3.0), "pick": (0.15, 0.4)},
        _wooden((400.0, 3500.0), 0.005), 40, 84),
    "clean": Instrument(
        {**_CABINET, "ring": (1400.0, 4000.0), "attack": (1200.0, 6000.0), "noise": (0.02, 0.15),
         "drive": (0.1, 1.0), "cabinet": (3800.0, 6000.0), "rate": (0.3, 1.6),
         "sway": (0.001, 0.004)},
        _clean, 40, 84),
    "overdriven": Instrument(
        {**_DRIVEN, "ring": (1000.0, 2500.0), "attack": (900.0, 3000.0), "noise": (0.05, 0.3),
         "gain": (2.0, 30.0), "late": (0.004, 0.014), "detune": (2.0, 10.0), "t60": (3.0, 8.0)},
        _driven(_open_hand), 40, 84),
    "muted": Instrument(
        {**_DRIVEN, "ring": (350.0, 1000.0), "attack": (500.0, 1800.0), "noise": (0.1, 0.4),
         "t60": (0.12, 0.5), "gain": (0.3, 12.0), "punch": (0.2, 1.5), "release": (0.015, 0.06)},
        _driven(_palm), 40, 84),
}  # fmt: skip
