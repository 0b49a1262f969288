"""Two ways to play notes: each separately, or as one line with slurs and vibrato."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import signal

from demo.dsp import SAMPLE_RATE, Audio, add_at, gate
from demo.instruments.instrument import Play
from demo.instruments.oscillators import drift
from demo.score import Note
from demo.splits import Knobs, Rng

Struck = Callable[[Rng, Note, int, Knobs], Audio]

TOUCH = 0.04  # notes closer than this are slurred, seconds
CHORD = 0.01  # of notes that start this close, a line plays only the highest, seconds
SMOOTH = 0.003  # time constant of a line's level, seconds, to avoid clicks

# The parameters of every line; an instrument overrides some.
LINE: dict[str, tuple[float, float]] = {
    "glide": (0.03, 0.14), "attack": (0.02, 0.09), "release": (0.05, 0.2), "scoop": (0.0, 1.2),
    "vibrato": (8.0, 45.0), "vibrato_rate": (4.4, 6.6), "vibrato_delay": (0.1, 0.5),
    "swell": (0.1, 0.6),
}  # fmt: skip


def each(tone: Struck) -> Play:
    """A `Play` that renders every note separately, which lets velocity shape the timbre.

    Args:
        tone: (rng, note, samples, knobs) -> stereo (2, samples), already scaled by velocity.
    """

    def play(notes: tuple[Note, ...], n: int, knobs: Knobs, rng: Rng) -> Audio:
        """Play the notes, dry stereo; see Play. Shape: (2, n)."""
        out = np.zeros((2, n))
        release, attack = knobs["release"], knobs.get("attack", 0.002)
        for note in notes:
            start = max(int(note.start * SAMPLE_RATE), 0)
            if start < n:
                m = int((note.duration + release) * SAMPLE_RATE) + 1
                wave = tone(rng, note, m, knobs) * gate(m, attack, release)
                add_at(out, wave, start)
        return out

    return play


@dataclass(frozen=True)
class Line:
    """A melody as curves over time, each of shape (n,)."""

    hertz: Audio
    cycles: Audio  # phase, continuous
    level: Audio  # 0 .. 1: velocity, attack, swell and release
    age: Audio  # seconds since the note began
    sway: Audio  # vibrato, about -1 .. 1, absent at the start of a note
    tongued: npt.NDArray[np.int64]  # samples at which notes that are not slurred begin
    force: Audio  # velocities of those notes


def voices_of(notes: tuple[Note, ...], n: int) -> list[tuple[int, int, Note]]:
    """(start, end, note) in samples for one voice: each note ends the previous one."""
    ordered: list[Note] = []
    for note in sorted(notes, key=lambda note: (note.start, note.pitch)):
        if ordered and note.start - ordered[-1].start < CHORD:
            ordered.pop()
        ordered.append(note)
    starts = [max(int(note.start * SAMPLE_RATE), 0) for note in ordered] + [n]
    return [
        (start, min(after, n, start + int(note.duration * SAMPLE_RATE)), note)
        for start, after, note in zip(starts, starts[1:], ordered, strict=False)
        if start < n
    ]


def line(notes: tuple[Note, ...], n: int, knobs: Knobs, rng: Rng) -> Line:
    """The curves of one player: slurs, scoops, delayed vibrato, swells. Shape: (n,) each.

    Args:
        knobs: the names of LINE; times in seconds, scoop in semitones, vibrato in cents.
    """
    pitch, level, age = np.full(n, 60.0), np.zeros(n), np.zeros(n)
    tongued: list[tuple[int, float]] = []
    last: tuple[int, Note] | None = None
    spans = voices_of(notes, n)
    stops = [start for start, _, _ in spans[1:]] + [n]
    for (start, end, note), stop in zip(spans, stops, strict=False):
        slurred = last is not None and start - last[0] < TOUCH * SAMPLE_RATE
        # Before the first note the line is at its pitch; later it holds until the next note.
        pitch[start if last else 0 : stop] = note.pitch
        age[start:stop] = np.arange(stop - start) / SAMPLE_RATE
        depth = last[1].pitch - note.pitch if last and slurred else -knobs["scoop"] * rng.random()
        m = int(min(knobs["glide"] * rng.uniform(0.6, 1.4), 0.7 * note.duration) * SAMPLE_RATE)
        m = min(m, stop - start)
        pitch[start : start + m] += depth * (0.5 + 0.5 * np.cos(np.pi * np.arange(m) / max(m, 1)))
        _shape(level, (start, end), note, knobs, rng)
        if not slurred:
            tongued.append((start, note.velocity))
        last = (end, note)
    onset = np.clip((age - knobs["vibrato_delay"]) / 0.35, 0, 1)
    rate = knobs["vibrato_rate"] * (1 + 0.06 * drift(rng, n, 0.4))
    sway = _smooth(onset, 0.02) * (1 + 0.25 * drift(rng, n, 0.6))
    sway *= np.sin(2 * np.pi * np.cumsum(rate) / SAMPLE_RATE)
    cents = knobs["vibrato"] * sway + 4 * drift(rng, n, 0.15)
    hertz = 440 * 2 ** ((pitch - 69 + cents / 100) / 12)
    cycles = np.cumsum(hertz) / SAMPLE_RATE
    starts = np.array([start for start, _ in tongued], dtype=np.int64)
    force = np.array([velocity for _, velocity in tongued])
    return Line(hertz, cycles, _smooth(level, SMOOTH), age, sway, starts, force)


def ping(played: Line, seconds: float) -> Audio:
    """A decay in `seconds` that restarts smoothly with every note. Shape: (n,)."""
    return _smooth(np.exp(-played.age / seconds), SMOOTH)


def _smooth(x: Audio, seconds: float) -> Audio:
    keep = np.exp(-1 / (seconds * SAMPLE_RATE))
    out: Audio = signal.lfilter([1 - keep], [1, -keep], x)
    return out


def _shape(level: Audio, span: tuple[int, int], note: Note, knobs: Knobs, rng: Rng) -> None:
    """Write one note's loudness into `level`: a swell to a peak and a release."""
    start, end = span
    release = min(int(knobs["release"] * SAMPLE_RATE), len(level) - end)
    place = np.arange(end - start + release) / max(end - start, 1)
    swell = knobs["swell"] * min(1.0, note.duration / 0.4)
    peak = rng.uniform(0.25, 0.8)
    before, after = np.clip(1 - place / peak, 0, 1), np.clip((place - peak) / (1 - peak), 0, 1)
    curve = note.velocity * (1 - swell * before**2 - 0.7 * swell * after**2)
    attack = min(int(knobs["attack"] * SAMPLE_RATE), len(curve))
    rise = 0.5 - 0.5 * np.cos(np.pi * np.arange(attack) / max(attack, 1))
    # A slur continues at the loudness of the previous note, with a slight dip.
    sounding = 0.85 * level[start - 1] if start else 0.0
    curve[:attack] = rise * curve[:attack] + (1 - rise) * sounding
    curve[len(curve) - release :] *= 0.5 + 0.5 * np.cos(
        np.pi * np.arange(release) / max(release, 1)
    )
    level[start : start + int(knobs["release"] * SAMPLE_RATE)] = 0.0  # the previous note has ended
    level[start : start + len(curve)] = curve
