"""Bass guitars and synthesiser basses: one note at a time, mono, mostly dark."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage, signal

from demo.dsp import SAMPLE_RATE, Audio, add_at, band, gate, hertz, overdrive, peaking, saw
from demo.instruments.instrument import Instrument
from demo.instruments.strings_model import Hand, String, click, level, perform, vibrate
from demo.score import Note
from demo.splits import Knobs, Rng

TOUCH = 0.03  # seconds; notes with a shorter rest between them count as tied
BRIGHT = (0.642, 0.94)  # values of the knob `open` that are bright: three tenths in either split
SWEEP_STEP = 1.5  # ratio of the cutoffs of neighbouring fixed filters in a sweep

Voice = Callable[[tuple[Note, ...], int, Knobs, Rng], Audio]  # -> mono (n,)

_ROLL_OFF = {"open": (0.0, 1.0), "cutoff": (300.0, 900.0), "poles": (0.0, 1.0),
             "hiss": (-61.0, -43.0)}  # fmt: skip
_ELECTRIC = {
    **_ROLL_OFF,
    "t60": (1.5, 5.0), "ring": (350.0, 1100.0), "stiff": (2e-5, 1.5e-4), "pick": (0.1, 0.3),
    "pickup": (0.08, 0.26), "attack": (250.0, 900.0), "noise": (0.02, 0.15), "punch": (0.3, 1.2),
    "release": (0.015, 0.06), "drive": (0.05, 0.6),
}  # fmt: skip
_SYNTH = {**_ROLL_OFF, "release": (0.02, 0.12), "fall": (1.5, 8.0), "punch": (0.2, 1.0)}


def monophonic(notes: tuple[Note, ...]) -> tuple[Note, ...]:
    """The notes in order, each shortened to end where the next one starts."""
    ordered = sorted(notes, key=lambda note: note.start)
    ends = [*(note.start for note in ordered[1:]), np.inf]
    return tuple(
        replace(note, duration=min(note.duration, end - note.start))
        for note, end in zip(ordered, ends, strict=False)
        if end > note.start
    )


def _roll_off(x: Audio, knobs: Knobs, rng: Rng) -> Audio:
    """Remove the treble, which most recorded basses lack; a minority stays bright."""
    if BRIGHT[0] < knobs["open"] < BRIGHT[1]:
        toned = band(x, 25.0, 6 * knobs["cutoff"], order=1)
    else:
        toned = band(x, 25.0, knobs["cutoff"], order=1 if knobs["poles"] < 0.35 else 2)
    # Strings, pickups and preamplifiers hiss, so a playing bass has treble at -80 dB; a resting
    # bass is silent, as after a noise gate.
    slow = 1 / (0.2 * SAMPLE_RATE)
    playing = signal.lfilter([slow], [1, slow - 1], np.abs(toned))
    hiss = band(rng.standard_normal(len(x)), 500.0, 5 * knobs["cutoff"], order=1)
    out: Audio = toned + 10 ** (knobs["hiss"] / 20) * playing * hiss
    return out


def _bass(voice: Voice, ranges: dict[str, tuple[float, float]]) -> Instrument:
    def play(notes: tuple[Note, ...], n: int, knobs: Knobs, rng: Rng) -> Audio:
        """Play the notes, dry and identical in both channels. Shape: (2, n)."""
        mono = _roll_off(voice(monophonic(notes), n, knobs, rng), knobs, rng)
        return np.stack([mono, mono])

    return Instrument(ranges, play, 28, 55)


def _string(pitch: float, knobs: Knobs) -> String:
    hz = hertz(pitch)
    along = 2.0 ** (((pitch - 28) % 5) / 12)  # the fret shortens the string, hand and pickup stay
    return String(
        hz, knobs["t60"] * (hz / 55) ** -0.3, knobs["ring"], knobs["stiff"],
        knobs["pick"] * along, knobs["pickup"] * along, knobs["attack"], beat=0.8,
    )  # fmt: skip


def _hand(knobs: Knobs) -> Hand:
    return Hand(knobs["release"], knobs["noise"], (500.0, 3500.0), 0.006, punch=knobs["punch"])


def _electric(notes: tuple[Note, ...], n: int, knobs: Knobs, rng: Rng) -> Audio:
    """Fingers or a pick on four strings, through a slightly nonlinear preamplifier."""
    dry = perform(notes, n, lambda pitch: _string(pitch, knobs), _hand(knobs), rng, 8000.0)
    return overdrive(dry / level(dry), knobs["drive"], 0.2)


def _slap(notes: tuple[Note, ...], n: int, knobs: Knobs, rng: Rng) -> Audio:
    """Slap bass: the thumb on low notes; high or loud ones are popped against the frets."""
    pops = tuple(x for x in notes if x.pitch > 43 or x.velocity > 0.93)
    thumbs = tuple(x for x in notes if x not in pops)
    pull = replace(_hand(knobs), noise=3 * knobs["noise"], noise_band=(1500.0, 8000.0))
    dry = perform(thumbs, n, lambda pitch: _string(pitch, knobs), _hand(knobs), rng, 10000.0)
    snap = perform(
        pops, n, lambda pitch: replace(_string(pitch, knobs), cutoff=3 * knobs["attack"],
                                       pick=0.5 * knobs["pick"]), pull, rng, 10000.0,
    )  # fmt: skip
    dry += knobs["pop"] * snap
    scooped = peaking(dry, 500.0, -knobs["scoop"], 0.8)
    return overdrive(scooped / level(scooped), knobs["drive"], 0.1)


def _fretless(notes: tuple[Note, ...], n: int, knobs: Knobs, rng: Rng) -> Audio:
    """A fretless bass: slides, vibrato on long notes, overtones that grow after the attack."""
    out = np.zeros(n)
    before = Note(-9.0, 0.0, 0.0, 0.0)
    for note in notes:
        m = int((note.duration + knobs["release"]) * SAMPLE_RATE)
        age = np.arange(m) / SAMPLE_RATE
        cents = knobs["vibrato"] * np.sin(2 * np.pi * knobs["rate"] * age)
        cents *= np.clip((age - 0.25) / 0.4, 0, 1)
        if note.start - before.start - before.duration < TOUCH:
            slide = float(np.clip(before.pitch - note.pitch, -7, 7))
            cents += 100 * slide * np.exp(-((age / knobs["glide"]) ** 2))
        read = np.cumsum(2 ** (cents / 1200))
        # The signal is band-limited, which keeps linear interpolation between samples clean.
        waves = vibrate(_string(note.pitch, knobs), int(read[-1]) + 2, 5000.0)
        soft, hard = (np.interp(read, np.arange(waves.shape[1]), wave) for wave in waves)
        swing = (1 + knobs["punch"] * np.exp(-age / 0.05)) * soft
        swing += knobs["bloom"] * (1 - np.exp(-age / 0.06)) * np.exp(-age / 0.5) * hard
        touch = knobs["noise"] * rng.uniform(0.4, 1.2) * click(rng, 0.008, 300.0, 2000.0)[:m]
        swing[: len(touch)] += touch
        swing *= note.velocity**1.2 * gate(m, 0.006, knobs["release"])
        add_at(out, swing, int(note.start * SAMPLE_RATE))
        before = note
    return overdrive(out / level(out), knobs["drive"], 0.1)


def _distorted(notes: tuple[Note, ...], n: int, knobs: Knobs, rng: Rng) -> Audio:
    """A clipped signal for the growl, mixed with a clean one for the low end."""
    dry = perform(notes, n, lambda pitch: _string(pitch, knobs), _hand(knobs), rng, 8000.0)
    dry /= level(dry)
    growl = knobs["gain"] * band(overdrive(dry, knobs["gain"], 0.3), 40.0, 3500.0)
    return (1 - knobs["blend"]) * band(dry, None, 300.0) + knobs["blend"] * growl


@dataclass(frozen=True)
class Line:
    """The curves of a monophonic part over time, all of shape (n,)."""

    pitch: Audio  # MIDI, with glides
    age: Audio  # seconds since the note began
    level: Audio  # velocity while a note sounds, falling after it
    fresh: Audio  # 1 during a note that is not tied to the previous one, otherwise 0


def _line(notes: tuple[Note, ...], n: int, *, glide: float, release: float) -> Line:
    """Compute the curves of a part; tied notes reach their pitch within about `glide` seconds."""
    pitch, age, loud, fresh = np.full(n, 36.0), np.full(n, 9.0), np.zeros(n), np.zeros(n)
    starts = [int(note.start * SAMPLE_RATE) for note in notes]
    before = Note(-9.0, 0.0, 36.0, 0.0)
    for note, a, b in zip(notes, starts, [*starts[1:], n], strict=False):
        t = np.arange(max(min(b, n) - a, 0)) / SAMPLE_RATE
        tied = note.start - before.start - before.duration < TOUCH
        now = slice(a, a + len(t))
        bend = (before.pitch - note.pitch) * np.exp(-((t / max(glide, 1e-4)) ** 2)) if tied else 0.0
        pitch[now] = note.pitch + bend
        age[now] = t
        loud[now] = note.velocity**1.2 * np.exp(-np.maximum(t - note.duration, 0) / (0.4 * release))
        fresh[now] = 0.0 if tied else 1.0
        before = note
    return Line(_smooth(pitch, "nearest"), age, loud, fresh)


def _smooth(curve: Audio, mode: str = "constant") -> Audio:
    """Smooth the jumps of `curve` over a few milliseconds, to avoid clicks."""
    for _ in range(3):
        curve = ndimage.uniform_filter1d(curve, int(0.003 * SAMPLE_RATE), mode=mode)
    return curve


def _cycles(hz: Audio) -> Audio:
    turns: Audio = 2 * np.pi * np.cumsum(hz) / SAMPLE_RATE
    return turns


def _envelope(line: Line, knobs: Knobs) -> Audio:
    sustain = np.exp(-6.9 * line.age / knobs["fall"]) + knobs["punch"] * np.exp(-line.age / 0.06)
    return _smooth(line.level * sustain)


def _sub(notes: tuple[Note, ...], n: int, knobs: Knobs, _: Rng) -> Audio:
    """A sine with a few harmonics, which fade faster."""
    line = _line(notes, n, glide=knobs["glide"], release=knobs["release"])
    turn = _cycles(440 * 2 ** ((line.pitch - 69) / 12))
    colour = knobs["second"] * np.sin(2 * turn) + knobs["third"] * np.sin(3 * turn)
    tone = np.sin(turn) + colour * _smooth(np.exp(-line.age / 0.5))
    return np.tanh(knobs["drive"] * tone) * _envelope(line, knobs)


def _saw(notes: tuple[Note, ...], n: int, knobs: Knobs, _: Rng) -> Audio:
    """Two or three detuned oscillators through a low-pass that opens at each attack."""
    line = _line(notes, n, glide=knobs["glide"], release=knobs["release"])
    hz = 440 * 2 ** ((line.pitch - 69) / 12)
    cents = 2 ** (knobs["detune"] / 1200)
    tone = saw(hz * cents) + saw(hz / cents, 0.4)
    if knobs["third"] > 0.5:
        tone += saw(0.5 * hz if knobs["third"] > 0.75 else hz, 0.7)
    if knobs["hollow"] > 0.5:
        tone -= saw(hz * cents, 0.5)  # two saws half a cycle apart make a square
    tone = tone + knobs["sine"] * np.sin(_cycles(hz))
    octaves = _smooth(knobs["sweep"] * np.exp(-line.age / knobs["sweep_time"]) * (0.5 + line.level))
    return _swept(tone, knobs["base"] * 2**octaves, knobs["peak"]) * _envelope(line, knobs)


def _swept(x: Audio, cutoff: Audio, peak_db: float) -> Audio:
    """`x` through a low-pass with a moving cutoff, made by crossfading a bank of fixed filters."""
    place = np.log(np.clip(cutoff, 60.0, 8000.0) / 60.0) / np.log(SWEEP_STEP)
    out = np.zeros_like(x)
    for k in range(int(place.max(initial=0)) + 2):
        weight = np.maximum(1 - np.abs(place - k), 0)
        if weight.any():
            hz = 60.0 * SWEEP_STEP**k
            out += weight * peaking(band(x, None, hz), hz, peak_db, 2.0)
    return out


def _glide808(notes: tuple[Note, ...], n: int, knobs: Knobs, _: Rng) -> Audio:
    """The long, tuned kick of a drum machine: it drops to its pitch, saturates and glides."""
    line = _line(notes, n, glide=knobs["glide"], release=knobs["release"])
    drop = _smooth(line.fresh * knobs["drop"] * np.exp(-line.age / knobs["drop_time"]))
    turn = _cycles(440 * 2 ** ((line.pitch + drop - 69) / 12))
    tone = np.sin(turn) * _envelope(line, knobs)
    return np.tanh(knobs["drive"] * tone) + 0.15 * np.tanh(knobs["drive"] * tone) ** 2


BASSES: dict[str, Instrument] = {
    "fingered": _bass(_electric, _ELECTRIC),
    "picked": _bass(_electric, {**_ELECTRIC, "pick": (0.08, 0.18), "attack": (500.0, 2000.0),
                                "ring": (600.0, 1500.0), "noise": (0.08, 0.3)}),
    "slap": _bass(_slap, {**_ELECTRIC, "pick": (0.2, 0.4), "attack": (600.0, 2500.0),
                          "ring": (700.0, 1800.0), "noise": (0.1, 0.4), "pop": (0.4, 1.0),
                          "scoop": (2.0, 9.0), "punch": (0.8, 2.0)}),
    "fretless": _bass(_fretless, {**_ELECTRIC, "glide": (0.03, 0.1), "vibrato": (4.0, 22.0),
                                  "rate": (4.2, 6.2), "bloom": (0.1, 0.7)}),
    "sub": _bass(_sub, {**_SYNTH, "glide": (0.0, 0.05), "second": (0.0, 0.35),
                        "third": (0.0, 0.2), "drive": (0.2, 1.5)}),
    "saw": _bass(_saw, {**_SYNTH, "glide": (0.0, 0.06), "detune": (1.0, 10.0), "third": (0.0, 1.0),
                        "hollow": (0.0, 1.0), "sine": (0.0, 2.0), "base": (80.0, 300.0),
                        "sweep": (0.3, 3.0), "sweep_time": (0.05, 0.4), "peak": (0.0, 9.0)}),
    "distorted": _bass(_distorted, {**_ELECTRIC, "attack": (500.0, 2000.0), "gain": (2.0, 14.0),
                                    "blend": (0.25, 0.8)}),
    "glide808": _bass(_glide808, {**_SYNTH, "fall": (0.9, 3.5), "glide": (0.04, 0.12),
                                  "drop": (7.0, 24.0), "drop_time": (0.012, 0.04),
                                  "drive": (0.4, 1.8)}),
}  # fmt: skip
