"""A synthetic drum kit with per-song parameters."""

import numpy as np

from demo.dsp import SAMPLE_RATE, Audio, add_at, band, decay, gate, pan, room, time_axis
from demo.score import Note
from demo.splits import Palette

TAKES = 3  # each drum is struck a few times in advance; hits choose among the takes

RANGES = {
    "kick_hz": (42.0, 68.0),
    "kick_sweep": (2.0, 6.0),  # start frequency over end frequency
    "kick_t60": (0.18, 0.6),
    "kick_click": (0.05, 0.4),
    "snare_hz": (150.0, 240.0),
    "snare_t60": (0.14, 0.4),
    "snare_noise": (0.4, 1.4),
    "snare_low": (500.0, 2200.0),
    "clap_hz": (900.0, 1900.0),
    "hat_low": (5000.0, 9500.0),
    "hat_t60": (0.05, 0.16),
    "hat_metal": (0.0, 0.8),
    "hat_level": (0.05, 0.16),
    "tom_hz": (75.0, 125.0),
    "tom_t60": (0.25, 0.7),
    "crash_t60": (0.8, 2.2),
    "pan": (0.15, 0.5),
    "room_t60": (0.15, 0.6),
    "room_wet": (0.06, 0.25),
}
_PANS = {"hat": 0.7, "open": 0.7, "tom1": -1.0, "tom2": 0.1, "tom3": 1.0, "crash": -0.8}


def _sweep(n: int, start: float, end: float, tau: float) -> Audio:
    frequency = end + (start - end) * np.exp(-time_axis(n) / tau)
    wave: Audio = np.sin(2 * np.pi * np.cumsum(frequency) / SAMPLE_RATE)
    return wave


def _noise(rng: np.random.Generator, seconds: float, t60: float) -> Audio:
    n = int(seconds * SAMPLE_RATE)
    return rng.standard_normal(n) * decay(n, t60)


def _metal(rng: np.random.Generator, n: int, low: float) -> Audio:
    """Six inharmonic squares, the recipe of analogue cymbals."""
    ratios = np.array([1.0, 1.34, 1.79, 2.13, 2.68, 3.42]) * rng.uniform(0.98, 1.02, 6)
    squares = np.sign(np.sin(2 * np.pi * np.outer(low / 9 * ratios, time_axis(n))))
    total: Audio = squares.sum(axis=0) / 2.4
    return total


def _cymbal(rng: np.random.Generator, kit: dict[str, float], t60: float) -> Audio:
    hiss = _noise(rng, 1.1 * t60, t60)
    ring = _metal(rng, len(hiss), kit["hat_low"]) * decay(len(hiss), t60)
    mixed = (1 - 0.7 * kit["hat_metal"]) * hiss + kit["hat_metal"] * ring
    return kit["hat_level"] * band(mixed, kit["hat_low"], 15000.0)


def _kick(rng: np.random.Generator, kit: dict[str, float]) -> Audio:
    n = int(1.1 * kit["kick_t60"] * SAMPLE_RATE)
    end = kit["kick_hz"] * rng.uniform(0.98, 1.02)
    body = _sweep(n, end * kit["kick_sweep"], end, 0.022) * decay(n, kit["kick_t60"])
    add_at(body, kit["kick_click"] * band(_noise(rng, 0.03, 0.02), 1500.0, 7000.0), 0)
    return body


def _snare(rng: np.random.Generator, kit: dict[str, float]) -> Audio:
    rattle = band(_noise(rng, kit["snare_t60"], kit["snare_t60"]), kit["snare_low"], 12000.0, 1)
    n = len(rattle)
    hz = kit["snare_hz"] * rng.uniform(0.98, 1.02)
    head = _sweep(n, 1.5 * hz, hz, 0.012) + 0.5 * _sweep(n, 2.2 * hz, 1.7 * hz, 0.01)
    return 0.75 * head * decay(n, 0.16) + 0.22 * kit["snare_noise"] * rattle


def _clap(rng: np.random.Generator, kit: dict[str, float]) -> Audio:
    out = np.zeros(int(0.35 * SAMPLE_RATE))
    for start in (0.0, 0.011, 0.021):
        add_at(out, _noise(rng, 0.03, 0.025), int(start * rng.uniform(0.9, 1.1) * SAMPLE_RATE))
    add_at(out, 0.8 * _noise(rng, 0.3, kit["snare_t60"]), int(0.03 * SAMPLE_RATE))
    return 0.5 * band(out, 0.7 * kit["clap_hz"], 3.0 * kit["clap_hz"])


def _tom(rng: np.random.Generator, kit: dict[str, float], ratio: float) -> Audio:
    n = int(kit["tom_t60"] * SAMPLE_RATE)
    hz = kit["tom_hz"] * ratio
    skin = _sweep(n, 1.4 * hz, hz, 0.05) * decay(n, kit["tom_t60"])
    add_at(skin, 0.15 * band(_noise(rng, 0.04, 0.03), 800.0, 5000.0), 0)
    return 0.8 * skin


def _strike(rng: np.random.Generator, kit: dict[str, float], drum: str) -> Audio:
    """Return one hit of a drum, mono (n,)."""
    match drum:
        case "kick":
            hit = 1.3 * _kick(rng, kit)
        case "snare":
            hit = _snare(rng, kit)
        case "clap":
            hit = _clap(rng, kit)
        case "hat":
            hit = _cymbal(rng, kit, kit["hat_t60"])
        case "open":
            hit = _cymbal(rng, kit, 5 * kit["hat_t60"])
        case "crash":
            hit = 1.5 * band(_cymbal(rng, kit, kit["crash_t60"]), None, 11000.0, 1)
        case _:
            hit = _tom(rng, kit, {"tom1": 1.7, "tom2": 1.3, "tom3": 1.0}[drum])
    return hit * gate(len(hit), 0.0005, 0.01)


def render_drums(
    notes: tuple[Note, ...], n: int, palette: Palette, rng: np.random.Generator
) -> Audio:
    """Return the drum stem, shape (2, n)."""
    kit = palette.draw_all("drums", RANGES)
    out = np.zeros((2, n))
    takes: dict[str, list[Audio]] = {}
    for drum in sorted({note.text for note in notes}):
        position = kit["pan"] * _PANS.get(drum, 0.0)
        takes[drum] = [pan(_strike(rng, kit, drum), position) for _ in range(TAKES)]
    for note in notes:
        hit = takes[note.text][rng.integers(TAKES)]
        add_at(out, note.velocity**1.3 * hit, int(note.start * SAMPLE_RATE))
    return room(out, rng, t60=kit["room_t60"], wet=kit["room_wet"], high=6000.0)
