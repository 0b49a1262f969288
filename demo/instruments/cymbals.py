"""Hats, rides and crashes: plates with hundreds of modes, or a machine's six square waves."""

from collections.abc import Sequence

import numpy as np
from scipy import fft

from demo.dsp import SAMPLE_RATE, Audio, band, decay, gate, saw, time_axis
from demo.instruments.drums_hits import Maker, Strike, burst, dull, mix, samples, vary
from demo.splits import Knobs, Rng

RANGES = {
    "hat_shift": (-0.4, 0.4),  # octaves by which the hats' spectrum is shifted
    "hat_t60": (0.05, 0.17),
    "hat_open_t60": (0.4, 1.3),
    "hat_metal": (0.3, 0.95),  # share of modes; the rest is noise
    "ride_shift": (-0.4, 0.3),
    "ride_t60": (0.8, 2.4),
    "ride_ping": (0.3, 1.0),
    "crash_shift": (-0.4, 0.4),
    "crash_t60": (1.0, 3.0),
    "crash_build": (0.004, 0.03),  # seconds until the treble has built up
    "cymbal_spacing": (14.0, 45.0),  # Hz between modes
    "cymbal_damping": (0.2, 0.8),  # how much faster the treble decays, as a power of frequency
    "cymbal_tilt": (-4.5, 0.5),  # dB an octave above 4 kHz
    "machine_hat_hz": (180.0, 420.0),
    "machine_hat_low": (4500.0, 8500.0),
    "machine_hat_t60": (0.04, 0.13),
    "machine_hat_open_t60": (0.25, 0.8),
    "machine_hat_noise": (0.0, 0.8),
    "machine_cymbal_t60": (0.7, 2.0),
}
# Spectral envelope: knots of (Hz, dB of density).
_HAT = ((250, -34), (500, -26), (1000, -19), (2000, -11), (4000, -4), (7000, 0), (10000, -1),
        (14000, -4), (19000, -16))  # fmt: skip
_PEDAL = ((250, -26), (500, -18), (1000, -12), (2000, -6), (4000, -1), (7000, 0), (10000, -5),
          (14000, -12), (19000, -26))  # fmt: skip
_RIDE = ((180, -22), (350, -12), (700, -8), (1500, -6), (3000, -2), (6000, 0), (10000, -4),
         (14000, -8), (19000, -20))  # fmt: skip
_CRASH = ((150, -20), (300, -9), (600, -4), (1200, -2), (2500, 0), (5000, 0), (8000, -3),
          (12000, -7), (18000, -18))  # fmt: skip
_BANDS = np.array([350.0, 900.0, 2000.0, 4500.0, 9000.0, 16000.0])  # Hz; each band decays alone
_SQUARES = (1.0, 1.34, 1.79, 2.13, 2.68, 3.42)  # frequency ratios of analogue cymbals


class Plate:
    """One cymbal: its modes are fixed, and every hit excites them differently."""

    def __init__(
        self, rng: Rng, knobs: Knobs, colour: Sequence[tuple[float, float]], shift: float
    ) -> None:
        gaps = rng.exponential(knobs["cymbal_spacing"], int(19000.0 / knobs["cymbal_spacing"]))
        self._modes = 120.0 + np.cumsum(gaps)
        self._modes = self._modes[self._modes < 20000.0]
        self._uneven = rng.gamma(1.5, 0.6, len(self._modes))  # every mode has its own level
        hz, db = np.array(colour, dtype=float).T
        self._hz = hz * 2.0**shift
        self._db = db + knobs["cymbal_tilt"] * np.maximum(np.log2(self._hz / 4000.0), 0.0)
        self._damping = knobs["cymbal_damping"]

    def strike(
        self, rng: Rng, t60: float, pitch: float, *, metal: float, build: float, length: float
    ) -> Audio:
        """One hit, rms near 1. Shape: (n,).

        Args:
            t60: decay near 2 kHz, seconds; the treble decays faster, the bass slightly more slowly.
            pitch: factor for the frequencies of the modes.
            metal: 0..1, the share of modes; the rest is noise.
            build: seconds until the top band has built up, as energy moves from low modes to high.
            length: seconds.
        """
        n = samples(length)
        size = fft.next_fast_len(n, real=True)
        hz = fft.rfftfreq(size, 1 / SAMPLE_RATE)
        shape = rng.standard_normal((2, len(hz)))
        spectrum = np.sqrt(1 - metal**2) * (shape[0] + 1j * shape[1])
        bins = np.minimum((self._modes * pitch * size / SAMPLE_RATE).astype(int), len(hz) - 1)
        wake = self._uneven * np.exp(2j * np.pi * rng.uniform(size=len(bins)))
        np.add.at(spectrum, bins, metal * wake * np.sqrt(2 * len(hz) / len(bins)))
        octave = np.log2(np.maximum(hz, 20.0))
        loud = 10 ** (np.interp(octave, np.log2(self._hz), self._db, left=-50.0) / 20)
        spectrum *= loud / np.sqrt(np.mean(loud**2)) * np.sqrt(size) / 2
        out = np.zeros(n)
        centres, t = np.log2(_BANDS), time_axis(n)
        for index, centre in enumerate(_BANDS):
            share = np.interp(octave, centres, np.eye(len(_BANDS))[index])
            rise = 1e-4 + build * centre / _BANDS[-1]
            fall = t60 * (2000.0 / centre) ** (self._damping if centre > 2000 else 0.15)
            wave = fft.irfft(spectrum * share, size)[:n]
            out += wave * (1 - np.exp(-t / rise)) * decay(n, fall)
        return out * gate(n, 0.0003, 0.3 * length)


def hat(kind: str) -> Maker:
    """The maker of a hi-hat: "hat" (closed), "open", or "pedal" (closed with the foot)."""

    def make(rng: Rng, knobs: Knobs) -> Strike:
        """Make the instrument of one song; see Maker."""
        plate = Plate(rng, knobs, _PEDAL if kind == "pedal" else _HAT, knobs["hat_shift"])

        def strike(rng: Rng, hardness: float) -> Audio:
            """Render one hit, mono. Shape: (n,)."""
            pitch, longer = vary(rng)
            t60 = longer * knobs["hat_open_t60" if kind == "open" else "hat_t60"]
            build = 0.012 if kind == "pedal" else 0.001
            wash = plate.strike(
                rng, t60, pitch, metal=knobs["hat_metal"], build=build, length=1.1 * t60
            )
            stick = burst(rng, 0.008, 2500.0, 9000.0)
            tip = 0.0 if kind == "pedal" else 0.6 * hardness
            return dull(mix((1.0, wash), (tip, stick)), hardness, 1.5)

        return strike

    return make


def ride(rng: Rng, knobs: Knobs) -> Strike:
    """The maker of a ride: a ping over a long wash."""
    plate = Plate(rng, knobs, _RIDE, knobs["ride_shift"])
    dome = 2.0 ** knobs["ride_shift"] * np.sort(rng.uniform(450.0, 5500.0, 9))

    def strike(rng: Rng, hardness: float) -> Audio:
        """Render one hit, mono. Shape: (n,)."""
        pitch, longer = vary(rng)
        t60 = longer * knobs["ride_t60"]
        n = samples(0.9 * t60)
        wash = plate.strike(rng, t60, pitch, metal=0.9, build=0.006, length=0.9 * t60)
        phase = 2 * np.pi * pitch * np.outer(dome, time_axis(n))
        fall = np.exp(-6.9 / t60 * np.outer((dome / 800.0) ** 0.5, time_axis(n)))
        ping = (np.sin(phase) * fall * rng.uniform(0.4, 1.0, (9, 1))).sum(axis=0)
        ping *= gate(n, 0.0006, 0.3 * t60)
        stick = burst(rng, 0.015, 2500.0, 8000.0)
        clear = 0.25 * knobs["ride_ping"]
        return dull(mix((0.6, wash), (clear, ping), (0.5 * hardness, stick)), hardness, 1.5)

    return strike


def crash(rng: Rng, knobs: Knobs) -> Strike:
    """A dense crash, whose treble builds up late and decays first."""
    plate = Plate(rng, knobs, _CRASH, knobs["crash_shift"])

    def strike(rng: Rng, hardness: float) -> Audio:
        """Render one hit, mono. Shape: (n,)."""
        pitch, longer = vary(rng)
        t60 = longer * knobs["crash_t60"]
        wash = plate.strike(
            rng, t60, pitch, metal=0.8, build=knobs["crash_build"], length=0.9 * t60)  # fmt: skip
        return dull(mix((1.0, wash), (0.4, burst(rng, 0.02, 1500.0, 7000.0))), hardness, 2.0)

    return strike


def machine(t60_knob: str, *, top: float = 16000.0, drop: float = 1.0) -> Maker:
    """The maker of a drum machine's cymbal: six square waves and noise, high-passed.

    Args:
        t60_knob: the knob of its decay.
        top: upper cutoff, Hz.
        drop: factor for the lower cutoff.
    """

    def make(rng: Rng, knobs: Knobs) -> Strike:
        """Make the instrument of one song; see Maker."""
        ratios = np.array(_SQUARES) * rng.uniform(0.98, 1.02, len(_SQUARES))

        def strike(rng: Rng, hardness: float) -> Audio:
            """Render one hit, mono. Shape: (n,)."""
            pitch, longer = vary(rng)
            t60 = knobs[t60_knob] * longer
            n = samples(1.05 * t60)
            squares = np.zeros(n)
            for hz in knobs["machine_hat_hz"] * pitch * ratios:
                start, step = rng.uniform(), np.full(n, hz)
                squares += saw(step, start) - saw(step, start + 0.5)
            noise = knobs["machine_hat_noise"]
            raw = (1 - noise) / 2.4 * squares + noise * rng.standard_normal(n)
            hit = band(raw, drop * knobs["machine_hat_low"], top) * decay(n, t60)
            return dull(hit * gate(n, 0.0005, 0.1 * t60), hardness, 0.8)

        return strike

    return make
