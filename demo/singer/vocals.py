"""The vocal stem: a lead singer, often doubled, sometimes with a second voice."""

from functools import cache, partial
from typing import Any

import numpy as np

from demo.dsp import Audio, band, overdrive, pan
from demo.score import Note
from demo.singer.espeak import VARIANTS, find_program, speak
from demo.singer.performance import perform
from demo.singer.spoken import Speak, breathing, spoken_tract
from demo.singer.tract import formant_tract, glottis
from demo.singer.voice import sing
from demo.splits import Knobs, Palette, Rng

RANGES = {
    "formant_scale": (0.85, 1.18),
    "open_quotient": (0.42, 0.8),
    "press": (0.0, 1.0),
    "roll_off": (1800.0, 7000.0),  # Hz, of the glottal sound
    "bandwidth": (0.75, 1.5),
    "ring": (-0.6, 0.6),  # strength of the singer's formant; none below 0
    "nasality": (0.0, 1.0),
    "jitter_cents": (5.0, 12.0),
    "period_jitter": (0.0005, 0.0025),  # relative to a period
    "shimmer": (0.5, 1.3),  # dB
    "breathiness": (-30.0, -15.0),  # dB
    "intonation": (2.0, 9.0),  # cents
    "vibrato_hz": (4.5, 6.5),
    "vibrato_cents": (15.0, 70.0),  # from crest to trough
    "vibrato_onset": (0.2, 0.5),  # seconds
    "portamento": (0.04, 0.12),  # seconds
    "scoop": (0.0, 150.0),  # cents
    "attack": (0.015, 0.06),  # seconds
    "release": (0.04, 0.25),
    "articulation": (0.85, 1.3),  # relative speed of consonants
    "consonants": (0.5, 1.2),
    "sibilant": (0.8, 1.15),  # relative pitch of "s"
    "proximity": (0.0, 4.0),  # dB
    "presence": (2.0, 8.0),
    "treble": (5.0, 14.0),
    "drive": (0.8, 2.5),  # for singers with distortion
    "growl_depth": (0.04, 0.15),
    "double_cents": (8.0, 18.0),
    "double_late": (0.010, 0.030),  # seconds
    "double_gain": (0.25, 0.6),
    "harmony_gain": (0.3, 0.7),
    "harmony_pan": (0.2, 0.6),
}
DOUBLED = 0.35
DISTORTED = 0.05
SPOKEN = 0.5  # share of singers with the tract of a speech synthesiser, if requested


def _take(
    notes: tuple[Note, ...], n: int, knobs: Knobs, rng: Rng, *, sung: str, voice: Speak | None
) -> Audio:
    """One performance, mono (n,), at a typical level; `voice` speaks the syllables."""
    if not notes:
        return np.zeros(n)
    curves = perform(notes, n, knobs, rng, sung=sung)
    if voice is None:
        tract = formant_tract(curves, knobs)
    else:
        tract = spoken_tract(notes, curves, knobs, voice, sung=sung)
        curves = breathing(curves)
    out = sing(curves, n, glottis(curves, knobs), tract, knobs, rng)
    level = np.sqrt(np.mean(out**2)) + 1e-9
    if knobs["growl"] > 0:
        out = band(level * overdrive(out / level, knobs["drive"] / 4), 60.0, None)
    return out


def _shifted(notes: tuple[Note, ...], late: float, semitones: float) -> tuple[Note, ...]:
    return tuple(
        Note(x.start + late, x.duration, x.pitch + semitones, x.velocity, x.text) for x in notes
    )


def render_vocals(
    lead: tuple[Note, ...],
    harmony: tuple[Note, ...],
    n: int,
    palette: Palette,
    rng: Rng,
    *,
    sung: str,
    espeak: bool = False,
) -> tuple[Audio, dict[str, Any]]:
    """The dry vocal stem and facts about the singer. Shape: (2, n).

    Raises DemoError if espeak-ng is requested and missing, or fails.

    Args:
        harmony: notes of a second voice, often empty.
        n: samples at 44.1 kHz.
        sung: "sung" or "rap".
        espeak: whether about half of the singers get the vocal tract of an espeak-ng voice.
    """
    if espeak:
        find_program()  # without it every song fails, not only those with such a singer
    knobs = palette.draw_all("singer", RANGES)
    doubled, distorted = rng.random() < DOUBLED, rng.random() < DISTORTED
    knobs["growl"] = knobs["growl_depth"] if distorted else 0.0
    facts: dict[str, Any] = {"voice": "formant"}
    voice: Speak | None = None
    if espeak and rng.random() < SPOKEN:
        variant = palette.choose("singer.variant", VARIANTS)
        facts = {"voice": "espeak", "variant": variant}
        voice = cache(partial(speak, variant=variant))
    out = pan(_take(lead, n, knobs, rng, sung=sung, voice=voice), 0.0)
    if doubled:
        for side in (-1.0, 1.0):
            late = knobs["double_late"] * rng.uniform(0.7, 1.0)
            part = _shifted(lead, late, 0.01 * side * knobs["double_cents"])
            take = _take(part, n, knobs, rng, sung=sung, voice=voice)
            out += knobs["double_gain"] * pan(take, 0.5 * side)
    if harmony:
        other = knobs
        if rng.random() < 0.5:
            other = {**knobs, **palette.draw_all("second_singer", RANGES)}
        side = float(rng.choice((-1.0, 1.0)))
        take = _take(harmony, n, other, rng, sung=sung, voice=voice)
        out += knobs["harmony_gain"] * pan(take, side * knobs["harmony_pan"])
    return out, facts | {"doubled": doubled, "harmony": bool(harmony), "sung": sung}
