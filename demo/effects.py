"""The effects of a mixing desk: compressor, ducking, echo, chorus, limiter."""

import numpy as np
from scipy import ndimage

from demo.dsp import SAMPLE_RATE, Audio, add_at

_BLOCK = 64  # samples: gains are computed at 689 Hz and interpolated
_RATE = SAMPLE_RATE / _BLOCK


def _blocks(x: Audio) -> Audio:
    """The peak of every block of stereo `x`. Shape: (2, n) -> (blocks,)."""
    n_blocks = -(-x.shape[-1] // _BLOCK)
    padded = np.zeros(n_blocks * _BLOCK)
    padded[: x.shape[-1]] = np.abs(x).max(axis=0)
    out: Audio = padded.reshape(n_blocks, _BLOCK).max(axis=1)
    return out


def _spread(gains: Audio, n: int) -> Audio:
    """Interpolate gains of blocks to `n` samples. Shape: (blocks,) -> (n,)."""
    return np.interp(np.arange(n), (np.arange(len(gains)) + 0.5) * _BLOCK, gains)


def _follow(level: Audio, attack: float, release: float) -> Audio:
    """Smooth `level`: it rises within `attack` and falls within `release` seconds.

    Shape: (blocks,) -> the same
    """
    up, down = np.exp(-1 / (attack * _RATE)), np.exp(-1 / (release * _RATE))
    out, state = [], 0.0
    for value in level.tolist():
        keep = up if value > state else down
        state = keep * state + (1 - keep) * value
        out.append(state)
    return np.array(out)


def compress(x: Audio, *, threshold: float, ratio: float, attack: float, release: float) -> Audio:
    """`x` with its excess over `threshold` (peak) divided by `ratio` in dB.

    `attack` and `release` are in seconds. Shape: (2, n) -> the same
    """
    level = _follow(_blocks(x), attack, release)
    gain = np.maximum(level / threshold, 1.0) ** (1 / ratio - 1)
    return x * _spread(gain, x.shape[-1])


def duck(x: Audio, starts: list[float], *, depth_db: float, seconds: float) -> Audio:
    """`x` attenuated by `depth_db` at every start (seconds), and back after `seconds`.

    Shape: (2, n) -> the same
    """
    n = x.shape[-1]
    down = np.zeros(n)
    dip = 1 - np.linspace(0, 1, int(seconds * SAMPLE_RATE)) ** 1.5
    for start in starts:
        first = int(start * SAMPLE_RATE)
        down[first : first + len(dip)] = dip[: max(n - first, 0)]
    down = ndimage.uniform_filter1d(down, SAMPLE_RATE // 200)  # 5 ms, to avoid clicks
    out: Audio = x * 10 ** (-depth_db * down / 20)
    return out


def echo(x: Audio, *, seconds: float, gain: float) -> Audio:
    """`x` with an echo every `seconds`, each weaker and on the other side.

    Shape: (2, n) -> the same
    """
    out = x.copy()
    repeat = x
    for count in range(1, 5):
        repeat = gain * repeat[::-1]
        add_at(out, repeat, int(count * seconds * SAMPLE_RATE))
    return out


def chorus(x: Audio, *, rate: float, depth: float, wet: float) -> Audio:
    """`x` with a copy whose delay varies by `depth` seconds at `rate` Hz, differently on each side.

    Shape: (2, n) -> the same
    """
    n = x.shape[-1]
    t = np.arange(n)
    out = x.copy()
    for side, phase in ((0, 0.0), (1, 0.5 * np.pi)):
        sway = 0.012 + depth * np.sin(2 * np.pi * rate * t / SAMPLE_RATE + phase)
        out[side] += wet * np.interp(t - SAMPLE_RATE * sway, t, x[side], left=0.0)
    return out


def limiter_gain(mixture: Audio, ceiling: float) -> Audio:
    """The gain curve of a limiter that keeps `mixture` below `ceiling`. Shape: (2, n) -> (n,).

    It looks ahead: the gain is already reduced when a peak arrives.
    """
    need = np.minimum(ceiling / np.maximum(_blocks(mixture), 1e-9), 1.0)
    reach = 9  # blocks on each side, 13 ms
    held = ndimage.minimum_filter1d(need, 2 * reach + 3, mode="nearest")
    return _spread(ndimage.uniform_filter1d(held, 2 * reach + 1, mode="nearest"),
                   mixture.shape[-1])  # fmt: skip
