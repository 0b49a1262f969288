"""The instruments of the stem `other`: keys, strings, pads, organ and lead."""

from collections.abc import Callable

import numpy as np
from scipy import fft

from demo.dsp import SAMPLE_RATE, Audio, band, decay, pan, pluck, render_bank, saw, time_axis
from demo.score import Layer
from demo.splits import Palette

Knobs = dict[str, float]
Tone = Callable[[np.random.Generator, float, int, Knobs], Audio]

RANGES: dict[str, dict[str, tuple[float, float]]] = {
    "piano": {"tilt": (0.9, 2.0), "t60": (1.5, 5.0), "stretch": (1e-4, 6e-4),
              "detune": (0.2, 1.2), "release": (0.08, 0.35)},
    "epiano": {"index": (0.3, 2.2), "t60": (1.5, 5.0), "tine": (0.05, 0.3),
               "tremolo": (0.0, 0.6), "rate": (2.0, 6.0), "release": (0.08, 0.3)},
    "pluck": {"bright": (0.25, 0.9), "t60": (0.6, 4.0), "spread": (0.4, 1.0),
              "drive": (0.3, 4.0), "release": (0.03, 0.15)},
    "pad": {"tilt": (1.0, 2.0), "spread": (8.0, 40.0), "cutoff": (900.0, 6000.0),
            "attack": (0.05, 0.4), "release": (0.2, 0.8)},
    "organ": {"third": (0.1, 0.9), "upper": (0.05, 0.6), "rate": (0.7, 6.5),
              "depth": (0.05, 0.35), "release": (0.03, 0.12)},
    "lead": {"detune": (2.0, 16.0), "cutoff": (900.0, 6000.0), "vibrato": (0.0, 14.0),
             "square": (0.0, 1.0), "release": (0.05, 0.25)},
}  # fmt: skip


def _piano(rng: np.random.Generator, hz: float, n: int, knobs: Knobs) -> Audio:
    """Inharmonic partials that die faster the higher they are; two strings per note."""
    k = np.arange(1, min(16, int(0.4 * SAMPLE_RATE / hz)) + 1)
    partials = hz * k * np.sqrt(1 + knobs["stretch"] * k * k)
    t = time_axis(n).astype(np.float32)
    out = np.zeros((2, n))
    for partial, number in zip(partials, k, strict=True):
        level = number ** -knobs["tilt"] * decay(n, knobs["t60"] / (1 + 0.25 * number))
        for channel in range(2):
            hertz = partial * (1 + (channel - 0.5) * 1e-3 * knobs["detune"])
            phase = rng.uniform(0, 2 * np.pi)
            out[channel] += level * np.sin(np.float32(2 * np.pi * hertz) * t + np.float32(phase))
    place = float(np.clip((np.log2(hz / 260.0)) / 2.5, -1, 1))  # low keys left, high keys right
    return out * pan(np.ones(1), 0.6 * place)


def _epiano(_: np.random.Generator, hz: float, n: int, knobs: Knobs) -> Audio:
    """Frequency modulation with a bell-like tine and a stereo tremolo."""
    t = time_axis(n)
    angle = 2 * np.pi * hz * t
    index = knobs["index"] * decay(n, 0.8)
    tone = np.sin(angle + index * np.sin(angle)) * decay(n, knobs["t60"])
    tine = np.sin(2 * np.pi * min(14 * hz, 9000.0) * t)
    tone += knobs["tine"] * tine * decay(n, 0.25)
    swing = knobs["tremolo"] * np.sin(2 * np.pi * knobs["rate"] * t)
    return np.stack([tone * (1 + swing), tone * (1 - swing)])


def _pluck(rng: np.random.Generator, hz: float, n: int, knobs: Knobs) -> Audio:
    """Two takes of a string, left and right, as guitars are doubled."""
    takes = [
        pan(pluck(rng, hz * ratio, n, t60=knobs["t60"], bright=knobs["bright"]), side)
        for ratio, side in ((0.9995, -knobs["spread"]), (1.0005, knobs["spread"]))
    ]
    driven = np.tanh(knobs["drive"] * (takes[0] + takes[1]))
    return band(driven / np.tanh(knobs["drive"]), 70.0, 7000.0, 1)


def _pad(rng: np.random.Generator, hz: float, n: int, knobs: Knobs) -> Audio:
    """Detuned ensemble drawn in the spectrum: every harmonic is a narrow band of random phase."""
    size = fft.next_fast_len(max(n, 2 * SAMPLE_RATE), real=True)
    bins = fft.rfftfreq(size, 1 / SAMPLE_RATE)
    spectrum = np.zeros(len(bins))
    for k in range(1, min(40, int(12000 / hz)) + 1):
        width = hz * k * (2 ** (knobs["spread"] / 1200) - 1)
        a, b = np.searchsorted(bins, [k * hz - 4 * width, k * hz + 4 * width])
        bell = np.exp(-0.5 * ((bins[a:b] - k * hz) / width) ** 2)
        roll = 1 / (1 + (k * hz / knobs["cutoff"]) ** 2)
        spectrum[a:b] += bell * roll * k ** -knobs["tilt"] / np.sqrt(bell.sum() + 1e-9)
    phases = np.exp(2j * np.pi * rng.random((2, len(bins))))
    chorus = fft.irfft(spectrum * phases, size)[:, :n]
    out: Audio = chorus / (np.abs(chorus).max() + 1e-9)
    return out


def _organ(rng: np.random.Generator, hz: float, n: int, knobs: Knobs) -> Audio:
    """Drawbars with a turning loudspeaker."""
    t = time_axis(n)
    bars = {0.5: 0.6, 1: 1.0, 1.5: knobs["third"], 2: 0.7, 3: knobs["third"],
            4: knobs["upper"], 6: knobs["upper"] / 2, 8: knobs["upper"]}  # fmt: skip
    turn = 2 * np.pi * (knobs["rate"] * t + rng.random())
    wobble = 0.03 * np.sin(turn)  # Doppler shift of the rotor, cycles
    tone = sum(
        level * np.sin(2 * np.pi * (hz * ratio * t + ratio * wobble))
        for ratio, level in bars.items()
        if hz * ratio < 15000
    )
    swing = knobs["depth"] * np.sin(turn)
    return 0.4 * np.stack([tone * (1 + swing), tone * (1 - swing)])


def _lead(_: np.random.Generator, hz: float, n: int, knobs: Knobs) -> Audio:
    """Saws (or hollow squares) with delayed vibrato, one detuned pair per side."""
    t = time_axis(n)
    cents = knobs["vibrato"] * np.sin(2 * np.pi * 5.2 * t) * np.minimum(t / 0.4, 1)
    sides = []
    for sign in (-1, 1):
        frequency = hz * 2 ** ((cents + sign * knobs["detune"] / 2) / 1200)
        hollow = saw(frequency, 0.5 if sign > 0 else 0.25)
        sides.append(saw(frequency) - knobs["square"] * hollow)
    return 0.6 * band(np.stack(sides), None, knobs["cutoff"])


_TONES: dict[str, Tone] = {
    "piano": _piano, "epiano": _epiano, "pluck": _pluck, "pad": _pad, "organ": _organ,
    "lead": _lead,
}  # fmt: skip


def render_layers(
    layers: tuple[Layer, ...], n: int, palette: Palette, rng: np.random.Generator
) -> Audio:
    """Return the stem `other`, shape (2, n): layers of like loudness at different places."""
    out = np.zeros((2, n))
    side = float(rng.choice([-1, 1]))
    for number, layer in enumerate(layers):
        knobs = palette.draw_all(f"other.{number}.{layer.instrument}", RANGES[layer.instrument])
        tone = _TONES[layer.instrument]
        track = np.zeros((2, n))
        render_bank(
            track,
            [(note.start, note.duration, note.pitch, note.velocity) for note in layer.notes],
            lambda hz, m, tone=tone, knobs=knobs: tone(rng, hz, m, knobs),  # type: ignore[misc]
            attack=knobs.get("attack", 0.004),
            release=knobs["release"],
        )
        place = side * palette.draw(f"other.{number}.pan", 0.0, 0.8) * (1 if number % 2 else -1)
        level = 10 ** (-palette.draw(f"other.{number}.drop", 0.0, 6.0) / 20 * min(number, 1))
        loudness = np.sqrt((track**2).mean()) + 1e-9
        out += track * (level / loudness) * (np.sqrt(2) * pan(np.ones(1), place))
    width = palette.draw("other.width", 0.35, 0.9)
    narrowed: Audio = width * out + (1 - width) * out.mean(axis=0)
    return narrowed
