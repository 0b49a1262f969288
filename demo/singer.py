"""A source-filter singer: sawtooth glottis, moving formants, noise consonants and breath."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from demo.dsp import SAMPLE_RATE, Audio, band, pan, saw
from demo.frames import HOP, Response, filter_frames
from demo.score import Note
from demo.splits import Palette

# Average formants of an adult, Hz.
FORMANTS = {
    "a": (730, 1120, 2440, 3400, 4500),
    "e": (500, 1840, 2480, 3500, 4600),
    "i": (290, 2250, 2950, 3600, 4700),
    "o": (520, 880, 2410, 3300, 4500),
    "u": (320, 850, 2240, 3300, 4400),
    "x": (500, 1450, 2450, 3400, 4500),
}
# Formants while a voiced consonant closes the mouth.
_CLOSED = {"m": (250, 1000, 2200), "n": (270, 1500, 2500), "l": (340, 1150, 2700),
           "r": (350, 1150, 1600), "v": (270, 1100, 2300), "z": (280, 1600, 2500),
           "d": (260, 1700, 2600)}  # fmt: skip


@dataclass(frozen=True)
class Consonant:
    """How a consonant sounds: gains are relative to a sung vowel."""

    seconds: float
    voiced: float
    noise: float
    centre: float  # of the noise, Hz
    octaves: float  # width of the noise


CONSONANTS = {
    "s": Consonant(0.10, 0.0, 0.50, 8500, 0.55),
    "sh": Consonant(0.10, 0.0, 0.50, 4000, 0.6),
    "f": Consonant(0.08, 0.0, 0.16, 7000, 1.4),
    "t": Consonant(0.04, 0.0, 0.55, 5500, 0.9),
    "k": Consonant(0.045, 0.0, 0.50, 2400, 0.7),
    "p": Consonant(0.035, 0.0, 0.35, 1200, 1.2),
    "h": Consonant(0.07, 0.1, 0.20, 1800, 1.5),
    "v": Consonant(0.06, 0.4, 0.10, 6000, 1.2),
    "z": Consonant(0.08, 0.35, 0.30, 8000, 0.6),
    "d": Consonant(0.04, 0.2, 0.25, 4000, 1.0),
    "m": Consonant(0.07, 0.5, 0.0, 1000, 1.0),
    "n": Consonant(0.06, 0.5, 0.0, 1000, 1.0),
    "l": Consonant(0.06, 0.6, 0.0, 1000, 1.0),
    "r": Consonant(0.06, 0.6, 0.0, 1000, 1.0),
    "": Consonant(0.02, 0.7, 0.0, 1000, 1.0),
}

RANGES = {
    "formant_scale": (0.85, 1.18),
    "vibrato_hz": (4.5, 6.5),
    "vibrato_cents": (10.0, 60.0),
    "vibrato_delay": (0.15, 0.45),
    "jitter_cents": (4.0, 14.0),
    "portamento": (0.025, 0.09),
    "scoop": (0.0, 1.6),  # semitones below the first note of a phrase
    "breath": (0.01, 0.06),
    "tilt": (-4.0, 2.0),  # dB per octave added to the formant gains
    "bandwidth": (0.8, 1.5),
    "consonants": (0.15, 0.45),
    "treble": (5000.0, 11000.0),  # Hz, above which the microphone hears less
}


@dataclass(frozen=True)
class Controls:
    """What the voice does in each frame of HOP samples; arrays of shape (frames,)."""

    pitch: Audio  # MIDI
    voiced: Audio  # gain of the glottal sound
    noise: Audio  # gain of the consonant noise
    noise_centre: Audio  # Hz
    noise_octaves: Audio
    formants: Audio  # Hz, shape (frames, 5)


def _smooth(x: Audio, seconds: float) -> Audio:
    """Two moving averages along time: a smooth step response without overshoot."""
    size = max(1, round(seconds * SAMPLE_RATE / HOP))
    once = ndimage.uniform_filter1d(x, size, axis=0, mode="nearest")
    out: Audio = ndimage.uniform_filter1d(once, size, axis=0, mode="nearest")
    return out


def _formants_of(text: str) -> tuple[Audio, Audio]:
    consonant, vowel = text.split("-")
    opened = np.array(FORMANTS[vowel], dtype=float)
    closed = opened.copy()
    if consonant in _CLOSED:
        closed[:3] = _CLOSED[consonant]
    return closed, opened


def _controls(
    notes: tuple[Note, ...], n_frames: int, knobs: dict[str, float], rng: np.random.Generator
) -> Controls:
    rate = SAMPLE_RATE / HOP
    pitch = np.full(n_frames, notes[0].pitch)
    voiced, noise = np.zeros(n_frames), np.zeros(n_frames)
    centre, octaves = np.full(n_frames, 3000.0), np.ones(n_frames)
    formants = np.tile(np.array(FORMANTS["x"], dtype=float), (n_frames, 1))
    sway = np.zeros(n_frames)  # scoops and vibrato, semitones
    previous_end = -1.0
    for note in notes:
        sound = CONSONANTS[note.text.split("-")[0]]
        lead = sound.seconds * rng.uniform(0.8, 1.2)
        a, b = int(max(note.start - 0.5 * lead, 0) * rate), int((note.start + 0.5 * lead) * rate)
        end = int((note.start + note.duration) * rate)
        closed, opened = _formants_of(note.text)
        pitch[a:] = note.pitch
        formants[a:b], formants[b:] = closed, opened
        voiced[a:b], voiced[b:end] = sound.voiced * note.velocity, note.velocity
        noise[a:b] = sound.noise * knobs["consonants"]
        centre[a:b], octaves[a:b] = sound.centre * rng.uniform(0.9, 1.1), sound.octaves
        t = np.arange(max(min(end, n_frames) - b, 0)) / rate
        if note.start - previous_end > 0.25:
            sway[b : b + len(t)] -= knobs["scoop"] * rng.random() * np.exp(-t / 0.05)
            breath = slice(max(a - int(0.3 * rate), 0), max(a - int(0.08 * rate), 0))
            noise[breath], centre[breath], octaves[breath] = knobs["breath"], 3000.0, 1.6
        swell = np.clip((t - knobs["vibrato_delay"]) / 0.3, 0, 1) * knobs["vibrato_cents"] / 100
        cycles = knobs["vibrato_hz"] * t + rng.random()
        sway[b : b + len(t)] += swell * np.sin(2 * np.pi * cycles)
        previous_end = note.start + note.duration
    wander = _smooth(rng.standard_normal(n_frames), 0.03)
    wander *= knobs["jitter_cents"] / 100 / (wander.std() + 1e-9)
    formants = knobs["formant_scale"] * _smooth(formants, 0.045)
    glide = _smooth(pitch, knobs["portamento"]) + sway + wander
    # A singer opens the mouth so that the first formant does not fall below the pitch.
    formants[:, 0] = np.maximum(formants[:, 0], 1.05 * 440 * 2 ** ((glide - 69) / 12))
    return Controls(glide, _smooth(voiced, 0.02), _smooth(noise, 0.012), centre, octaves, formants)


def _sing_once(
    notes: tuple[Note, ...], n: int, knobs: dict[str, float], rng: np.random.Generator
) -> Audio:
    """Return one take of the melody, mono (n,)."""
    n_frames = n // HOP + 2
    controls = _controls(notes, n_frames, knobs, rng)
    times = np.arange(n) / HOP
    grid = np.arange(n_frames)
    pitch = np.interp(times, grid, controls.pitch)
    loud = np.interp(times, grid, controls.voiced)
    shimmer = 1 + 0.06 * _smooth(rng.standard_normal(n_frames), 0.02)[: n // HOP + 2]
    glottis = saw(440 * 2 ** ((pitch - 69) / 12)) * loud * np.interp(times, grid, shimmer)
    hiss = rng.standard_normal(n)
    air = band(hiss, 2500.0, None, 1) * loud * knobs["breath"]
    octave = np.arange(5) * 0.55
    gains = np.array([1.0, 0.55, 0.38, 0.32, 0.22]) * 10 ** (knobs["tilt"] * octave / 20)
    widths = knobs["bandwidth"] * np.array([70.0, 90.0, 130.0, 190.0, 260.0])
    signs = np.array([1, -1, 1, -1, 1])  # alternating, or the formants cancel between them

    def tract(frames: slice, hz: Audio) -> Response:
        centres = controls.formants[frames]
        response = np.full((len(centres), len(hz)), 0.01, dtype=np.complex64)
        axis = hz.astype(np.float32)
        for k in range(5):
            offset = (axis - centres[:, k : k + 1].astype(np.float32)) / np.float32(widths[k])
            response += np.complex64(signs[k] * gains[k]) / (1 + 1j * offset)
        return response

    def mouth(frames: slice, hz: Audio) -> Response:
        centres = controls.noise_centre[frames, None]
        distance = np.log2(np.maximum(hz, 50.0) / centres) / controls.noise_octaves[frames, None]
        bell: Response = (np.exp(-0.5 * distance**2)).astype(np.complex64)
        return bell

    voice = filter_frames(glottis + air, tract)
    puff = np.interp(times, grid, controls.noise)
    return band(voice + filter_frames(hiss * puff, mouth), None, knobs["treble"], 1)


def render_vocals(
    notes: tuple[Note, ...], n: int, palette: Palette, rng: np.random.Generator
) -> tuple[Audio, bool]:
    """Return the vocal stem, shape (2, n), and whether the voice is doubled."""
    knobs = palette.draw_all("singer", RANGES)
    out = pan(_sing_once(notes, n, knobs, rng), 0.0)
    doubled = bool(rng.random() < 0.3)
    if doubled:
        cents = palette.draw("singer.double_cents", 6.0, 16.0)
        for side in (-1, 1):
            late = rng.uniform(0.01, 0.025)
            take = tuple(
                Note(x.start + late, x.duration, x.pitch + side * cents / 100, x.velocity, x.text)
                for x in notes
            )
            out += 0.4 * pan(_sing_once(take, n, knobs, rng), 0.6 * side)
    return out, doubled
