"""Analogue drum machines: swept sines, filtered noise, and bursts as claps."""

import numpy as np

from demo.dsp import Audio, add_at, band
from demo.instruments.drums_hits import Maker, Strike, burst, dull, glide, mix, ring, samples, vary
from demo.splits import Knobs, Rng

RANGES = {
    "machine_kick_hz": (42.0, 62.0),
    "machine_kick_bend": (1.0, 6.0),
    "machine_kick_settle": (0.006, 0.035),
    "machine_kick_t60": (0.2, 0.8),
    "machine_kick_click": (0.02, 0.2),
    "machine_kick_drive": (0.3, 2.2),
    "machine_snare_hz": (160.0, 240.0),
    "machine_snare_tone": (0.4, 1.0),
    "machine_snare_t60": (0.08, 0.25),
    "machine_snare_noise": (0.15, 0.55),
    "machine_noise_t60": (0.12, 0.4),
    "machine_noise_low": (500.0, 1800.0),
    "machine_noise_high": (5000.0, 13000.0),
    "machine_rim_hz": (420.0, 900.0),
    "machine_tom_hz": (70.0, 115.0),
    "machine_tom_bend": (0.1, 0.9),
    "machine_tom_t60": (0.2, 0.8),
    "machine_clap_hz": (850.0, 1500.0),
    "machine_clap_gap": (0.008, 0.014),
    "machine_clap_t60": (0.1, 0.35),
    "machine_conga_hz": (150.0, 230.0),
    "machine_touch": (0.3, 1.5),  # machines respond less to velocity than acoustic drums
}


def kick(_: Rng, knobs: Knobs) -> Strike:
    """A short click, then a slightly overdriven sine that falls into the bass."""

    def strike(rng: Rng, hardness: float) -> Audio:
        """Render one hit, mono. Shape: (n,)."""
        pitch, longer = vary(rng)
        t60 = knobs["machine_kick_t60"] * longer
        bend = knobs["machine_kick_bend"] * (0.6 + 0.4 * hardness)
        phase = glide(
            samples(1.05 * t60), knobs["machine_kick_hz"] * pitch, bend,
            knobs["machine_kick_settle"])  # fmt: skip
        drive = knobs["machine_kick_drive"]
        body = np.tanh(drive * ring(phase, [(1.0, 1.0, t60)], contact=0.001)) / np.tanh(drive)
        click = burst(rng, 0.008, 800.0, 6000.0)
        hit = mix((1.0, body), (knobs["machine_kick_click"] * hardness, click))
        return dull(hit, hardness, knobs["machine_touch"])

    return strike


def snare(rng: Rng, knobs: Knobs) -> Strike:
    """Two tuned tones and noise that outlasts them."""
    upper = rng.uniform(1.6, 1.9)

    def strike(rng: Rng, hardness: float) -> Audio:
        """Render one hit, mono. Shape: (n,)."""
        pitch, longer = vary(rng)
        t60 = knobs["machine_snare_t60"] * longer
        phase = glide(samples(1.05 * t60), knobs["machine_snare_hz"] * pitch, 0.5, 0.008)
        tone = ring(phase, [(1.0, 1.0, t60), (upper, 0.5, 0.7 * t60)], contact=0.001)
        noise = burst(
            rng, knobs["machine_noise_t60"] * longer, knobs["machine_noise_low"],
            knobs["machine_noise_high"] * pitch, 0.001)  # fmt: skip
        hit = mix((knobs["machine_snare_tone"], tone), (knobs["machine_snare_noise"], noise))
        return dull(hit, hardness, knobs["machine_touch"])

    return strike


def rim(rng: Rng, knobs: Knobs) -> Strike:
    """Two very short tuned pulses."""
    upper = rng.uniform(2.2, 3.8)

    def strike(rng: Rng, hardness: float) -> Audio:
        """Render one hit, mono. Shape: (n,)."""
        pitch, longer = vary(rng)
        t60 = 0.04 * longer
        phase = glide(samples(1.1 * t60), knobs["machine_rim_hz"] * pitch, 0.0, 1.0)
        tone = ring(phase, [(1.0, 0.6, t60), (upper, 1.0, 0.7 * t60)], contact=0.0003)
        hit = mix((1.0, np.tanh(2.0 * tone)), (0.08, burst(rng, 0.01, 1000.0, 8000.0)))
        return dull(hit, hardness, knobs["machine_touch"])

    return strike


def clap(_: Rng, knobs: Knobs) -> Strike:
    """Three equal bursts and a longer one: a circuit that imitates a crowd."""

    def strike(rng: Rng, hardness: float) -> Audio:
        """Render one hit, mono. Shape: (n,)."""
        pitch, longer = vary(rng)
        hz, gap = knobs["machine_clap_hz"] * pitch, knobs["machine_clap_gap"]
        out = np.zeros(samples(0.05 + knobs["machine_clap_t60"] * longer))
        for count in range(3):
            add_at(out, burst(rng, 0.03, 0.7 * hz, 2.2 * hz), samples(count * gap))
        tail = burst(rng, knobs["machine_clap_t60"] * longer, 0.7 * hz, 2.2 * hz)
        add_at(out, 0.8 * tail, samples(3 * gap))
        return dull(band(out, 0.5 * hz, None), hardness, knobs["machine_touch"])

    return strike


def tuned(prefix: str, step: float) -> Maker:
    """The maker of a tom or conga: a swept sine with a little noise.

    Args:
        prefix: of the knobs that tune it.
        step: its pitch, relative to theirs.
    """

    def make(_: Rng, knobs: Knobs) -> Strike:
        """Make the drum of one song; see Maker."""
        hz = knobs[f"{prefix}_hz"] * step

        def strike(rng: Rng, hardness: float) -> Audio:
            """Render one hit, mono. Shape: (n,)."""
            pitch, longer = vary(rng)
            t60 = knobs["machine_tom_t60"] * longer / step**0.5
            bend = knobs["machine_tom_bend"] * (0.5 + 0.5 * hardness)
            phase = glide(samples(1.05 * t60), hz * pitch, bend, 0.03)
            tone = ring(phase, [(1.0, 1.0, t60), (1.5, 0.15, 0.4 * t60)], contact=0.001)
            hit = mix((1.0, tone), (0.03, burst(rng, 0.7 * t60, 300.0, 2500.0)))
            return dull(hit, hardness, knobs["machine_touch"])

        return strike

    return make
