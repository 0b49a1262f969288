"""Hand percussion: congas, shaker and tambourine."""

import numpy as np

from demo.dsp import SAMPLE_RATE, Audio, add_at, band, gate, time_axis
from demo.instruments.drums_acoustic import head, stretched
from demo.instruments.drums_hits import Maker, Strike, burst, dull, glide, mix, ring, samples, vary
from demo.splits import Knobs, Rng

RANGES = {
    "conga_hz": (150.0, 235.0),
    "conga_step": (1.25, 1.5),
    "conga_t60": (0.15, 0.5),
    "conga_slap": (0.04, 0.25),
    "shaker_hz": (3500.0, 8000.0),
    "shaker_rise": (0.008, 0.035),
    "shaker_t60": (0.06, 0.18),
    "shaker_grains": (400.0, 4000.0),  # seeds that hit the wall per second
    "jingle_hz": (4500.0, 7500.0),
    "jingle_t60": (0.08, 0.3),
    "jingle_spread": (0.006, 0.025),
}


def conga(high: bool) -> Maker:
    """The maker of the high or the low conga."""

    def make(rng: Rng, knobs: Knobs) -> Strike:
        """Make the conga of one song; see Maker."""
        hz = knobs["conga_hz"] * (knobs["conga_step"] if high else 1.0)
        modes = head(rng, knobs["conga_t60"], 0.35, 0.7)

        def strike(rng: Rng, hardness: float) -> Audio:
            """Render one hit, mono. Shape: (n,)."""
            pitch, longer = vary(rng)
            n = samples(1.1 * knobs["conga_t60"] * longer)
            phase = glide(n, hz * pitch, 0.05 * hardness, 0.02)
            skin = ring(phase, stretched(modes, longer, hardness), contact=0.002)
            slap = burst(rng, 0.03 * longer, 900.0, 5000.0, 0.0008)
            return dull(mix((1.0, skin), (knobs["conga_slap"] * hardness, slap)), hardness, 2.0)

        return strike

    return make


def shaker(_: Rng, knobs: Knobs) -> Strike:
    """A shaker: seeds that hit the wall one by one, most of them in mid-stroke."""

    def strike(rng: Rng, hardness: float) -> Audio:
        """Render one hit, mono. Shape: (n,)."""
        pitch, longer = vary(rng)
        rise, t60 = knobs["shaker_rise"] * longer, knobs["shaker_t60"] * longer
        n = samples(rise + t60)
        t = time_axis(n)
        swell = np.minimum(t / rise, 1.0) ** 2 * np.exp(-6.9 * np.maximum(t - rise, 0.0) / t60)
        lands = rng.uniform(size=n) < knobs["shaker_grains"] / SAMPLE_RATE
        seeds = rng.standard_normal(n) * lands
        hz = knobs["shaker_hz"] * pitch
        hit = band(seeds * swell, 0.6 * hz, min(1.6 * hz, 15000.0), order=1)
        return dull(hit * gate(n, 0.001, 0.02), hardness, 1.0)

    return strike


def tambourine(rng: Rng, knobs: Knobs) -> Strike:
    """A tambourine: pairs of small discs that strike one after the other."""
    discs = knobs["jingle_hz"] * rng.uniform(0.75, 1.9, (8, 3))

    def strike(rng: Rng, hardness: float) -> Audio:
        """Render one hit, mono. Shape: (n,)."""
        pitch, longer = vary(rng)
        t60 = knobs["jingle_t60"] * longer
        out = np.zeros(samples(1.1 * t60 + 0.08))
        for modes in discs * pitch:
            phase = glide(samples(t60), 1.0, 0.0, 1.0) + rng.uniform(0.0, 2 * np.pi)
            tone = ring(phase, [(hz, rng.uniform(0.3, 1.0), t60) for hz in modes], contact=0.001)
            late = min(abs(rng.normal(0.0, knobs["jingle_spread"])), 0.07)
            add_at(out, mix((1.0, tone), (0.7, burst(rng, 0.5 * t60, 4000.0, 13000.0))),
                   samples(late))  # fmt: skip
        thump = ring(glide(samples(0.06), 210.0 * pitch, 0.0, 1.0), [(1.0, 1.0, 0.05)],
                     contact=0.002)  # fmt: skip
        return dull(mix((1.0, out), (0.8 * hardness, thump)), hardness, 1.0)

    return strike
