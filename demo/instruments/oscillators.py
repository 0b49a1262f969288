"""Wavetables with a moving low-pass and sums of decaying sines, both cheap to compute."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from demo.dsp import SAMPLE_RATE, Audio

TABLE = 2048  # samples of one cycle
HARMONICS = 512
LOWEST = -2.0  # log2 of the lowest cutoff, in harmonics
ROWS_PER_OCTAVE = 3
ROWS = 28
TOP_HZ = 18000.0
BLOCK = 512
SILENT = -9.2  # log of the level below which decaying noise is omitted: -80 dB


@dataclass(frozen=True)
class Wavetable:
    """One cycle through low-passes of rising cutoff, in harmonics of the note."""

    rows: npt.NDArray[np.float32]  # (ROWS, TABLE + 1), the last column repeats the first
    ceiling: float  # log2 of the highest cutoff without aliasing, Hz

    def play(self, cycles: Audio, hertz: Audio, cutoff: Audio) -> Audio:
        """The wave at given phases. Shape: (n,) -> (n,).

        Args:
            cycles: phase, (n,).
            hertz: frequency, (n,) or ().
            cutoff: log2 of the low-pass cutoff in Hz, (n,).
        """
        octaves = np.minimum(cutoff, self.ceiling) - np.log2(hertz)
        place = np.clip((octaves - LOWEST) * ROWS_PER_OCTAVE, 0, ROWS - 1.001)
        across = np.float32(TABLE) * (cycles - np.floor(cycles)).astype(np.float32)
        row, column = place.astype(np.int32), np.minimum(across.astype(np.int32), TABLE - 1)
        down = (place - row).astype(np.float32)
        across -= column
        flat = self.rows.ravel()
        index = row * np.int32(TABLE + 1) + column
        upper, lower = flat.take(index), flat.take(index + (TABLE + 1))
        upper += across * (flat.take(index + 1) - upper)
        lower += across * (flat.take(index + (TABLE + 2)) - lower)
        return (upper + down * (lower - upper)).astype(np.float64)


def wavetable(
    amplitudes: Audio, *, ceiling: float, slope: float = 2.0, resonance: float = 0.0
) -> Wavetable:
    """A wavetable of sines with the given amplitudes, through a low-pass. Shape: (HARMONICS,).

    The rows end where `ceiling` would put them above TOP_HZ, so no note aliases, however high.

    Args:
        amplitudes: signed, of the harmonics 1 .. HARMONICS.
        ceiling: log2 of the highest cutoff that will be used, Hz.
        slope: of the low-pass, in poles of 6 dB per octave.
        resonance: gain at the cutoff, a factor.
    """
    k = np.arange(1, HARMONICS + 1)
    cutoffs = 2 ** (LOWEST + np.arange(ROWS)[:, None] / ROWS_PER_OCTAVE)
    away = k / cutoffs
    response = (1 + away**2) ** (-slope / 2)
    response *= 1 + resonance * np.exp(-((np.log2(away) / 0.3) ** 2))
    reach = TOP_HZ / 2**ceiling
    response *= np.clip((reach - away) / (0.3 * reach), 0, 1)
    # The taper must not remove the fundamental of a note that is above its own filter.
    response[:, 0] = (1 + away[:, 0] ** 2) ** (-slope / 2)
    spectrum = np.zeros((ROWS, TABLE // 2 + 1), dtype=np.complex128)
    spectrum[:, 1 : HARMONICS + 1] = -0.5j * TABLE * amplitudes * response
    cycle = np.fft.irfft(spectrum, axis=-1)
    rows = np.concatenate([cycle, cycle[:, :1]], axis=-1).astype(np.float32)
    return Wavetable(rows, ceiling)


def saw_pulse(square: float, duty: float) -> Audio:
    """The amplitudes of harmonics between a saw (0) and a pulse (1) of the given duty.

    Shape: (HARMONICS,)
    """
    k = np.arange(1, HARMONICS + 1)
    pulse = 2 * np.sin(np.pi * k * duty) / (np.pi * k)
    out: Audio = (1 - square) * 2 / (np.pi * k) + square * pulse
    return out


def modes(hertz: Audio, t60: Audio, amplitudes: npt.NDArray[np.complex128], n: int) -> Audio:
    """Sums of decaying sines, by one matrix product. Shape: (m,) -> (channels, n).

    A mode's value at sample b * BLOCK + j is its value at b * BLOCK times its value at j.

    Args:
        hertz: (m,).
        t60: seconds, (m,).
        amplitudes: (channels, m), the argument is the phase of the sine.
    """
    rate = (2j * np.pi * hertz - 6.9078 / t60) / SAMPLE_RATE
    blocks = -(-n // BLOCK)
    coarse = np.exp(rate * BLOCK * np.arange(blocks)[:, None])
    fine = np.exp(rate[:, None] * np.arange(BLOCK))
    left = (-1j * amplitudes[:, None, :] * coarse).astype(np.complex64)
    right = fine.astype(np.complex64)
    channels = len(amplitudes)
    product = np.concatenate([left.real, -left.imag], axis=-1).reshape(channels * blocks, -1) @ (
        np.concatenate([right.real, right.imag])
    )
    out: Audio = product.reshape(channels, -1)[:, :n].astype(np.float64)
    return out


def burst(rng: np.random.Generator, n: int, t60: float) -> Audio:
    """White noise that decays by 60 dB in `t60` seconds, then silence. Shape: (n,)."""
    out = np.zeros(n)
    m = min(n, int(-SILENT / 6.9078 * t60 * SAMPLE_RATE))
    out[:m] = rng.standard_normal(m) * np.exp(np.arange(m) * (-6.9078 / t60 / SAMPLE_RATE))
    return out


def drift(rng: np.random.Generator, n: int, seconds: float) -> Audio:
    """A slow random curve of standard deviation near 1, with a new target every `seconds`.

    Shape: (n,)
    """
    knots = rng.standard_normal(int(n / SAMPLE_RATE / seconds) + 2)
    place = np.arange(n) / (seconds * SAMPLE_RATE)
    before = place.astype(np.int64)
    turn = place - before
    turn = turn * turn * (3 - 2 * turn)
    out: Audio = knots[before] + turn * (knots[before + 1] - knots[before])
    return out
