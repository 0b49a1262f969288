"""From notes to the control curves of pitch, loudness, noise and formants."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy import ndimage

from demo.dsp import SAMPLE_RATE, Audio
from demo.frames import HOP
from demo.score import Note
from demo.singer.timeline import Segment, Syllable, lay_out
from demo.splits import Knobs, Rng

TICK = HOP // 4  # samples between control values: short enough for the burst of a "t"
RATE = SAMPLE_RATE / TICK
_COLUMNS = ("voiced", "hiss", "breath", "nasal", "dark", "centre", "octaves")
_SMOOTH = (0.011, 0.004, 0.009, 0.02, 0.012, 0.006, 0.006)  # seconds, for each column
_COARTICULATION = 0.03  # seconds
RAP = 1.35  # speed of articulation in rap, relative to singing


@dataclass(frozen=True)
class Curves:
    """Control curves of a voice: one value every TICK samples (ticks,) or every HOP (frames,)."""

    pitch: Audio  # (ticks,) MIDI
    voiced: Audio  # (ticks,) gain of the glottal sound
    hiss: Audio  # (ticks,) gain of the noise of consonants
    breath: Audio  # (ticks,) gain of noise at the glottis, besides that of voicing
    formants: Audio  # (frames, 5) Hz
    nasal: Audio  # (frames,) 0 closed velum .. 1 nasal murmur
    dark: Audio  # (frames,) octaves by which the source's roll-off is lowered
    centre: Audio  # (frames,) Hz of the hiss
    octaves: Audio  # (frames,) width of the hiss


def smooth(x: Audio, seconds: float) -> Audio:
    """`x` after two moving averages of `seconds`: steps become smooth without overshoot.

    Shape: (ticks, ...) -> the same
    """
    size = max(1, round(seconds * RATE))
    once = ndimage.uniform_filter1d(x, size, axis=0, mode="nearest")
    out: Audio = ndimage.uniform_filter1d(once, size, axis=0, mode="nearest")
    return out


def _ticks(start: float, end: float, count: int) -> slice:
    a, b = (min(max(round(x * RATE), 0), count) for x in (start, end))
    return slice(a, max(a, b))


def _span(part: slice, origin: float) -> Audio:
    """Seconds since `origin` at each tick of `part`."""
    return np.arange(part.start, part.stop) / RATE - origin


def perform(notes: tuple[Note, ...], n: int, knobs: Knobs, rng: Rng, *, sung: str) -> Curves:
    """The curves of a melody. Shape: (ticks,) and (frames,), as in Curves.

    Args:
        notes: at least one; monophonic.
        n: samples.
        sung: "sung", or "rap" for the pitch and pace of speech.
    """
    count = 4 * (n // HOP + 2)
    melody = sorted(notes, key=lambda note: note.start)
    rap = sung == "rap"
    speed = knobs["articulation"] * (RAP if rap else 1.0)
    syllables, rows = lay_out(melody, speed, rng)
    flat = [segment for row in rows for segment in row]
    table, formants = _fill(flat, count)
    columns = {name: smooth(table[:, k], _SMOOTH[k]) for k, name in enumerate(_COLUMNS)}
    pitch = _glide(syllables, count, knobs["portamento"])
    pitch += _speech(syllables, count, rng) if rap else _vibrato(syllables, count, knobs, rng)
    pitch += _wander(count, knobs, rng)
    formants = knobs["formant_scale"] * smooth(formants, _COARTICULATION)[::4]
    # Singers open the mouth to keep the first formant from falling below the pitch.
    lowest = 1.05 * 440 * 2 ** ((pitch[::4] - 69) / 12)
    formants[:, 0] = (formants[:, 0] ** 8 + lowest**8) ** (1 / 8)
    formants[:, 1] = np.maximum(formants[:, 1], 1.25 * formants[:, 0])
    voiced = columns["voiced"] * _loudness(syllables, count, knobs, rng)
    return Curves(
        pitch, voiced, columns["hiss"], columns["breath"], formants,
        *(columns[name][::4] for name in ("nasal", "dark", "centre", "octaves")),
    )  # fmt: skip


def _fill(segments: list[Segment], count: int) -> tuple[Audio, Audio]:
    """The targets at every tick, silent between segments: (ticks, columns) and (ticks, 5)."""
    table = np.zeros((count, len(_COLUMNS)))
    formants = np.empty((count, 5))
    formants[:] = segments[0].formants
    table[:, 5:] = segments[0].piece.centre, segments[0].piece.octaves
    for k, segment in enumerate(segments):
        piece, until = segment.piece, segments[k + 1].start if k + 1 < len(segments) else np.inf
        held = _ticks(segment.start, min(until, count / RATE), count)
        formants[held] = segment.formants
        table[held, 3:] = piece.nasal, piece.dark, piece.centre, piece.octaves
        loud = segment.gain * np.array([piece.voiced, piece.hiss, piece.breath])
        table[_ticks(segment.start, segment.end, count), :3] = loud
    return table, formants


def _glide(syllables: list[Syllable], count: int, portamento: float) -> Audio:
    """The pitch of the notes; it leaves during the consonant and arrives with the vowel."""
    pitch = np.full(count, float(syllables[0].note.pitch))
    for before, syllable in pairwise(syllables):
        note = syllable.note
        length = 0.02 if syllable.first else min(portamento, 0.6 * before.note.duration + 0.01)
        part = _ticks(note.start - 0.7 * length, note.start + 0.3 * length, count)
        progress = np.clip(_span(part, note.start) / length + 0.7, 0, 1)
        swing = 0.5 - 0.5 * np.cos(np.pi * progress)
        pitch[part] = before.note.pitch + swing * (note.pitch - before.note.pitch)
        pitch[part.stop :] = note.pitch
    return pitch


def _vibrato(syllables: list[Syllable], count: int, knobs: Knobs, rng: Rng) -> Audio:
    """Vibrato, scoops into notes and falls at the end of phrases, semitones (ticks,)."""
    out = np.zeros(count)
    for syllable in syllables:
        start = syllable.note.start
        part = _ticks(syllable.onset, syllable.end + 0.08, count)
        t = _span(part, start)
        tune = 0.01 * knobs["intonation"] * rng.standard_normal()
        depth = 0.005 * knobs["vibrato_cents"] * rng.uniform(0.7, 1.15)
        swell = np.clip((t - knobs["vibrato_onset"]) / 0.3, 0, 1) * depth
        hz = knobs["vibrato_hz"] * rng.uniform(0.95, 1.05)
        out[part] = tune + swell * np.sin(2 * np.pi * (hz * t + rng.random()))
        if syllable.first or rng.random() < 0.3:
            early = np.maximum(t + min(0.03, start - syllable.onset), 0)
            out[part] -= 0.01 * knobs["scoop"] * rng.random() * np.exp(-early / 0.035)
        if syllable.last and rng.random() < 0.3:
            tail = np.maximum(t - (syllable.end - 0.05 - start), 0)
            out[part] -= np.minimum(25 * tail, 2.0)
    return smooth(out, 0.008)


def _speech(syllables: list[Syllable], count: int, rng: Rng) -> Audio:
    """The pitch glides of speech around the notes, semitones (ticks,)."""
    out = np.zeros(count)
    for syllable in syllables:
        part = _ticks(syllable.onset, syllable.end, count)
        t = _span(part, syllable.onset) / max(syllable.end - syllable.onset, 0.05)
        rise, fall = rng.normal(1.0, 1.2), rng.normal(2.5, 1.2) + 2.0 * syllable.last
        out[part] = rise - fall * t
    return smooth(out, 0.03)


def _wander(count: int, knobs: Knobs, rng: Rng) -> Audio:
    """The slow random drift of a human pitch, semitones (ticks,)."""
    noise = smooth(rng.standard_normal(count), 0.03)
    wander: Audio = noise * (0.01 * knobs["jitter_cents"] / (noise.std() + 1e-9))
    return wander


def _loudness(syllables: list[Syllable], count: int, knobs: Knobs, rng: Rng) -> Audio:
    """The loudness of each note as a gain (ticks,), including attacks and releases."""
    gain = np.ones(count)
    for syllable in syllables:
        start, end = syllable.note.start, syllable.vowel_end
        part = _ticks(syllable.onset, syllable.end + 0.02, count)
        t = _span(part, start)
        place = np.clip(t / max(end - start, 0.05), 0, 1)
        slope, peak = rng.normal(-2.0, 1.5), rng.uniform(0.0, 2.5)
        decibel = slope * place + peak * np.sin(np.pi * place)
        if syllable.bare:
            dip = 1.0 if not syllable.first else 4.0
            decibel -= dip * np.exp(-np.maximum(t, 0) / knobs["attack"])
        gain[part] = 10 ** (decibel / 20)
        if syllable.last:
            left = syllable.end - start - t
            length = min(knobs["release"], 0.5 * (syllable.end - start) + 0.01)
            gain[part] *= 0.15 + 0.85 * np.clip(left / length, 0, 1)
    flutter = smooth(rng.standard_normal(count), 0.02)
    flutter *= 0.5 * knobs["shimmer"] / (flutter.std() + 1e-9)
    swell: Audio = smooth(gain, 0.01) * 10 ** (flutter / 20)
    return swell
