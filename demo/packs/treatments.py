"""Studio treatments of stems before the mix: at most one per stem of a song."""

from collections.abc import Callable

import numpy as np

from demo.dsp import SAMPLE_RATE, Audio, add_at, band, overdrive, peaking, room, time_axis
from demo.effects import compress, echo
from demo.packs.production import double_track
from demo.splits import Rng

Treat = Callable[[Audio, Rng], Audio]  # (2, n) with peak 1 -> the same shape at any level
LIVE_SHARE = 0.25  # of songs, in which all stems are in one small room
_LIVE_T60, _LIVE_WET_DB = (0.15, 0.5), (-20.0, -6.0)
_HISS_SHARE, _HISS_DB = 0.3, (-75.0, -52.0)  # of stems that are not silent; relative to their peak


def _slapback(x: Audio, rng: Rng) -> Audio:
    out = x.copy()
    add_at(out, rng.uniform(0.2, 0.5) * x, round(rng.uniform(0.06, 0.14) * SAMPLE_RATE))
    return out


def _telephone(x: Audio, rng: Rng) -> Audio:
    narrow = band(x, rng.uniform(250.0, 600.0), rng.uniform(2500.0, 4500.0), order=2)
    return overdrive(narrow, rng.uniform(1.0, 6.0))


def _pressed(x: Audio, rng: Rng) -> Audio:
    loud = compress(x, threshold=0.08, ratio=rng.uniform(4.0, 12.0), attack=0.001,
                    release=rng.uniform(0.04, 0.2))  # fmt: skip
    return x + rng.uniform(0.5, 3.0) * loud


def _crushed(x: Audio, rng: Rng) -> Audio:
    return overdrive(_pressed(x, rng), rng.uniform(2.0, 8.0))


def _dark(x: Audio, rng: Rng) -> Audio:
    return band(x, None, float(np.exp(rng.uniform(np.log(2500.0), np.log(9000.0)))), order=2)


def _amplifier(x: Audio, rng: Rng) -> Audio:
    driven = overdrive(x, rng.uniform(2.0, 10.0), bias=rng.uniform(0.0, 0.4))
    speaker = band(driven, 45.0, rng.uniform(1500.0, 5000.0), order=2)
    return peaking(speaker, rng.uniform(500.0, 1500.0), rng.uniform(-6.0, 6.0), 0.8)


def _mono(x: Audio, _: Rng) -> Audio:
    return np.broadcast_to(x.mean(axis=0), x.shape).copy()


def _tremolo(x: Audio, rng: Rng) -> Audio:
    turn = 2 * np.pi * rng.uniform(3.0, 8.0) * time_axis(x.shape[-1])
    depth, apart = rng.uniform(0.2, 0.8), rng.uniform(0.0, np.pi)
    sway = np.stack([np.sin(turn), np.sin(turn + apart)])
    return x * (1 - depth * (0.5 + 0.5 * sway))


def _echoing(x: Audio, rng: Rng) -> Audio:
    return echo(x, seconds=rng.uniform(0.12, 0.5), gain=rng.uniform(0.1, 0.35))


def _tape(x: Audio, rng: Rng) -> Audio:
    """`x` with wow, a slow variation of the tape speed."""
    n = x.shape[-1]
    turn = 2 * np.pi * rng.uniform(0.3, 1.2) * time_axis(n)
    late = SAMPLE_RATE * rng.uniform(0.0005, 0.002) * (1 + np.sin(turn + rng.uniform(0.0, 6.28)))
    at = np.arange(n)
    return np.stack([np.interp(at - late, at, side, left=0.0) for side in x])


# The share of songs with each; the remaining songs have none.
TREATMENTS: dict[str, dict[str, tuple[float, Treat]]] = {
    "bass": {"amplifier": (0.25, _amplifier), "dark": (0.1, _dark), "pressed": (0.15, _pressed)},
    "drums": {"pressed": (0.2, _pressed), "crushed": (0.1, _crushed), "dark": (0.1, _dark),
              "mono": (0.1, _mono)},
    "other": {"tremolo": (0.1, _tremolo), "echo": (0.15, _echoing), "tape": (0.1, _tape),
              "mono": (0.1, _mono)},
    "vocals": {"slapback": (0.15, _slapback), "doubled": (0.12, double_track),
               "telephone": (0.06, _telephone), "pressed": (0.2, _pressed),
               "tape": (0.05, _tape)},
}  # fmt: skip


def treat(dry: dict[str, Audio], rng: Rng) -> tuple[dict[str, Audio], dict[str, str]]:
    """Treat the stems of a song; returns them and the treatment of each.

    Silent stems stay silent. Shape: (2, n) each, at any level -> the same
    """
    live = rng.random() < LIVE_SHARE
    t60, wet = rng.uniform(*_LIVE_T60), 10 ** (rng.uniform(*_LIVE_WET_DB) / 20)
    out: dict[str, Audio] = {}
    done: dict[str, str] = {}
    for stem, x in dry.items():
        name, process = _draw(stem, rng)
        hiss = 10 ** (rng.uniform(*_HISS_DB) / 20) if rng.random() < _HISS_SHARE else 0.0
        out[stem] = x
        if not x.any():
            continue
        y = process(x / np.abs(x).max(), rng)
        if live:
            y = room(y, rng, t60=t60, wet=wet, high=6000.0)
        if hiss:
            y = y + hiss * np.abs(y).max() * rng.standard_normal(y.shape)
        out[stem] = y
        done |= {stem: " ".join([name, *(["live"] if live else []), *(["hiss"] if hiss else [])])}
    return out, done


def _draw(stem: str, rng: Rng) -> tuple[str, Treat]:
    place = rng.random()
    for name, (share, process) in TREATMENTS[stem].items():
        if place < share:
            return name, process
        place -= share
    return "none", lambda x, _: x
