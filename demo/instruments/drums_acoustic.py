"""An acoustic kit: kick, snare, cross-stick, toms and hand claps."""

import numpy as np

from demo.dsp import Audio, add_at, band, gate
from demo.instruments.drums_hits import (
    Maker,
    Mode,
    Strike,
    burst,
    dull,
    glide,
    mix,
    ring,
    samples,
    vary,
)
from demo.splits import Knobs, Rng

RANGES = {
    "kick_hz": (44.0, 74.0),
    "kick_bend": (0.2, 1.3),
    "kick_settle": (0.008, 0.03),
    "kick_t60": (0.14, 0.42),
    "kick_skin": (0.05, 0.3),  # higher modes of the head
    "kick_click": (0.03, 0.22),
    "kick_click_hz": (1500.0, 4500.0),
    "snare_hz": (150.0, 250.0),
    "snare_bend": (0.03, 0.25),
    "snare_t60": (0.12, 0.42),
    "snare_ring": (0.2, 0.9),  # higher modes of the head
    "wires_t60": (0.16, 0.45),
    "wires_low": (450.0, 1600.0),
    "wires_high": (5000.0, 13000.0),
    "wires_level": (0.14, 0.5),
    "wires_buzz": (0.0, 0.8),
    "rim_hz": (380.0, 620.0),
    "rim_t60": (0.035, 0.09),
    "tom_hz": (68.0, 110.0),
    "tom_step": (1.2, 1.38),
    "tom_bend": (0.04, 0.28),
    "tom_t60": (0.35, 1.3),
    "tom_skin": (0.2, 0.7),
    "tom_stick": (0.04, 0.2),
    "hands_hz": (900.0, 2000.0),
    "hands_spread": (0.006, 0.022),
    "touch": (1.2, 3.0),
}
HEAD = (1.0, 1.59, 2.14, 2.30, 2.65, 2.92, 3.16, 3.50)  # modes of an ideal membrane


def head(rng: Rng, t60: float, level: float, tilt: float) -> list[Mode]:
    """The modes of one real drum head: ideal ratios, detuned by lugs and the air in the shell.

    Args:
        t60: decay of the fundamental, seconds.
        level: of the second mode, relative to the first.
        tilt: 0..1, how fast level and decay fall from mode to mode.
    """
    modes: list[Mode] = [(1.0, 1.0, t60)]
    for ratio in HEAD[1:]:
        loud = level * rng.uniform(0.5, 1.5) * (1.59 / ratio) ** (1 + 3 * tilt)
        modes.append((ratio * rng.uniform(0.97, 1.03), loud, t60 / ratio ** (0.5 + tilt)))
    return modes


def stretched(modes: list[Mode], factor: float, hardness: float) -> list[Mode]:
    """The modes as excited by one hit: decays times `factor`; high modes are weak in soft hits."""
    upper = 0.4 + 0.6 * hardness
    return [(r, level * (1.0 if r == 1.0 else upper), t60 * factor) for r, level, t60 in modes]


def kick(rng: Rng, knobs: Knobs) -> Strike:
    """A bass drum: a beater click, damped modes of falling pitch, and a puff of air."""
    modes = head(rng, knobs["kick_t60"], knobs["kick_skin"], 0.8)
    air = rng.uniform(110.0, 260.0)

    def strike(rng: Rng, hardness: float) -> Audio:
        """Render one hit, mono. Shape: (n,)."""
        pitch, longer = vary(rng)
        bend = knobs["kick_bend"] * (0.5 + 0.5 * hardness)
        n = samples(1.1 * knobs["kick_t60"] * longer)
        phase = glide(n, knobs["kick_hz"] * pitch, bend, knobs["kick_settle"])
        body = ring(phase, stretched(modes, longer, hardness), contact=0.0025)
        tone = knobs["kick_click_hz"] * pitch
        beater = burst(rng, 0.02 * longer, 0.6 * tone, 2.0 * tone, 0.0008)
        puff = burst(rng, 0.09 * longer, 0.6 * air, 3.5 * air, 0.004)
        hit = mix((1.0, body), (knobs["kick_click"] * hardness, beater), (0.05, puff))
        return dull(hit, hardness, knobs["touch"])

    return strike


def snare(rng: Rng, knobs: Knobs) -> Strike:
    """A snare drum: an inharmonic head, and wires that rattle while it moves."""
    modes = head(rng, knobs["snare_t60"], knobs["snare_ring"], 0.3)

    def strike(rng: Rng, hardness: float) -> Audio:
        """Render one hit, mono. Shape: (n,)."""
        pitch, longer = vary(rng)
        n = samples(max(knobs["snare_t60"], knobs["wires_t60"]) * 1.1 * longer)
        phase = glide(n, knobs["snare_hz"] * pitch, knobs["snare_bend"] * hardness, 0.012)
        body = ring(phase, stretched(modes, longer, hardness), contact=0.0012)
        t60 = knobs["wires_t60"] * longer
        noise = burst(rng, t60, knobs["wires_low"], knobs["wires_high"] * pitch, 0.002)
        # The lower head throws the wires off and they slap back: noise modulated by the head.
        slap = np.maximum(np.sin(phase[: len(noise)]), 0.0) * 2.0
        noise[: len(slap)] *= 1.0 + knobs["wires_buzz"] * (slap - 1.0)
        stick = burst(rng, 0.012, 1800.0, 7000.0)
        wires = knobs["wires_level"] * (1.3 - 0.3 * hardness)  # soft hits are mostly wires
        hit = mix((0.8, body), (wires, noise), (0.15 * hardness, stick))
        return dull(hit, hardness, knobs["touch"])

    return strike


def rim(rng: Rng, knobs: Knobs) -> Strike:
    """A cross-stick: wood on a hoop, with short modes and no drum head."""
    ratios = (1.0, 1.9, 2.8, 4.1, 5.9)
    modes: list[Mode] = [
        (ratio * rng.uniform(0.9, 1.1), rng.uniform(0.5, 1.0) / ratio**0.5, 1.0 / ratio**0.4)
        for ratio in ratios
    ]

    def strike(rng: Rng, hardness: float) -> Audio:
        """Render one hit, mono. Shape: (n,)."""
        pitch, longer = vary(rng)
        t60 = knobs["rim_t60"] * longer
        phase = glide(samples(1.1 * t60), knobs["rim_hz"] * pitch, 0.02, 0.01)
        wood = ring(phase, stretched(modes, t60, hardness), contact=0.0004)
        skin = ring(glide(samples(0.12), knobs["snare_hz"] * pitch, 0.0, 1.0),
                    [(1.0, 0.25, 0.1 * longer)], contact=0.002)  # fmt: skip
        hit = mix((1.0, wood), (1.0, skin), (0.04, burst(rng, 0.08, 1500.0, 9000.0)))
        return dull(hit, hardness, 0.6 * knobs["touch"])

    return strike


def tom(number: int) -> Maker:
    """The maker of a tom, 1 (highest) to 3 (floor)."""

    def make(rng: Rng, knobs: Knobs) -> Strike:
        """Make the tom of one song; see Maker."""
        hz = knobs["tom_hz"] * knobs["tom_step"] ** (3 - number)
        modes = head(rng, knobs["tom_t60"], knobs["tom_skin"], 0.6)
        # The lower head is tuned slightly differently, which makes the fundamental beat.
        modes.append((rng.uniform(1.01, 1.05), rng.uniform(0.1, 0.4), 0.8 * knobs["tom_t60"]))

        def strike(rng: Rng, hardness: float) -> Audio:
            """Render one hit, mono. Shape: (n,)."""
            pitch, longer = vary(rng)
            n = samples(0.9 * knobs["tom_t60"] * longer)
            phase = glide(n, hz * pitch, knobs["tom_bend"] * hardness, 0.05)
            skin = ring(phase, stretched(modes, longer, hardness), contact=0.002)
            stick = burst(rng, 0.03 * longer, 700.0, 5000.0, 0.0008)
            hit = mix((1.0, skin), (knobs["tom_stick"] * hardness, stick))
            return dull(hit, hardness, knobs["touch"])

        return strike

    return make


def clap(rng: Rng, knobs: Knobs) -> Strike:
    """A few people clapping, not quite together; each pair of hands has its own tone."""
    hands = knobs["hands_hz"] * rng.uniform(0.7, 1.4, 7)

    def strike(rng: Rng, hardness: float) -> Audio:
        """Render one hit, mono. Shape: (n,)."""
        pitch, longer = vary(rng)
        out = np.zeros(samples(0.3))
        late = np.abs(rng.normal(0.0, knobs["hands_spread"], len(hands)))
        for hz, start in zip(hands * pitch, late - late.min(), strict=True):
            one = burst(rng, 0.05 * longer, 0.75 * hz, 1.35 * hz, 0.0008)
            add_at(out, one * rng.uniform(0.5, 1.0), samples(start))
        echo = burst(rng, 0.16 * longer, 0.6 * knobs["hands_hz"], 5000.0, 0.012)
        hit = mix((1.0, out), (0.2, echo))
        return dull(band(hit, 250.0, None) * gate(len(hit), 0.0, 0.02), hardness, 1.0)

    return strike
