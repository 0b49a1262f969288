"""Filters of a voice: glottis, vocal tract, fricative noise and microphone."""

import numpy as np

from demo.dsp import Audio
from demo.frames import Filter, Response
from demo.singer.performance import Curves
from demo.splits import Knobs

_WIDTHS = np.array([65.0, 85.0, 130.0, 200.0, 280.0])  # of the formants, Hz
# Fixed resonances; the inaudible ones keep the treble from falling off.
_HIGHER = np.arange(5700.0, 40000.0, 1100.0)
_HIGHER_WIDTH = 0.13  # relative to the frequency
_RING = 2900.0  # Hz, where trained voices cluster their upper formants
_NASAL = 270.0  # Hz, resonance of the nose
_NASAL_WIDTH = 150.0
_SOFT = 4.0  # gain above which peaks are compressed


def _pole(hz: Audio, centre: Audio, width: Audio) -> Response:
    """The reciprocal of the gain of a low-pass resonance. Shape: (frames, bins)."""
    out = np.empty((len(centre), len(hz)), dtype=np.complex64)
    inverse = (1 / centre**2).astype(np.float32)[:, None]
    axis = hz.astype(np.float32)
    out.real = 1 - axis * axis * inverse
    out.imag = axis * (inverse * width.astype(np.float32)[:, None])
    return out


def formant_tract(curves: Curves, knobs: Knobs) -> Filter:
    """The vocal tract of a singer: five moving formants in cascade, and the nose.

    Shape: (bins,), Hz -> (frames, bins), of the filter
    """
    formants = curves.formants.copy()
    ring = 0.8 * max(knobs["ring"], 0.0) * np.array([0.0, 0.0, 0.35, 0.55, 0.6])
    formants += ring * (_RING * knobs["formant_scale"] - formants)
    # The higher the pitch, the wider the formants, or single partials would whistle.
    f0 = 440 * 2 ** ((curves.pitch[::4] - 69) / 12)
    widths = knobs["bandwidth"] * _WIDTHS * (1 + max(knobs["ring"], 0.0)) + 0.18 * f0[:, None]
    nasal = np.clip(curves.nasal + 0.18 * knobs["nasality"], 0, 1)
    zeros = _NASAL * (1 + 2.8 * nasal)

    def tract(frames: slice, hz: Audio) -> Response:
        """See Filter. Shape: (bins,), Hz -> (frames, bins)."""
        higher = _HIGHER * knobs["formant_scale"]
        fixed = np.ones(len(hz), dtype=np.complex64)
        for centre in higher:
            fixed *= _pole(hz, np.array([centre]), np.array([_HIGHER_WIDTH * centre]))[0]
        closed = _pole(hz, np.array([_NASAL]), np.array([_NASAL_WIDTH]))[0] * fixed
        resonances = _pole(hz, formants[frames, 0], widths[frames, 0])
        for k in range(1, 5):
            resonances *= _pole(hz, formants[frames, k], widths[frames, k])
        resonances *= closed
        # The zero hardly attenuates a murmur, since the nose radiates as well.
        gain = (1 + 0.5 * nasal[frames, None]).astype(np.float32)
        out = gain * _pole(hz, zeros[frames], _NASAL_WIDTH + 60 * nasal[frames]) / resonances
        # Yielding walls: formants that meet must not whistle.
        limited: Response = out / np.sqrt(1 + np.abs(out) / np.float32(_SOFT))
        return limited

    return tract


def glottis(curves: Curves, knobs: Knobs) -> Filter:
    """The spectrum of one glottal pulse, which turns clicks into a voice.

    It is a resonance near the pitch that rings before the click, since the flow rises slowly and
    stops suddenly, and a roll-off that starts at a higher frequency for a louder voice.

    Shape: (bins,), Hz -> (frames, bins), of the filter

    Source: Doval, d'Alessandro, Henrich: The spectrum of glottal flow models (2006).
    """
    f0 = 440 * 2 ** ((curves.pitch[::4] - 69) / 12)
    peak = f0 * 0.55 / knobs["open_quotient"]
    effort = np.log2(np.clip(curves.voiced[::4], 0.1, 1.5))
    roll_off = knobs["roll_off"] * 2 ** (0.6 * effort + 0.8 * knobs["press"] - curves.dark)
    width = peak / (0.8 + 0.7 * knobs["press"])

    def folds(frames: slice, hz: Audio) -> Response:
        """See Filter. Shape: (bins,), Hz -> (frames, bins)."""
        axis = hz.astype(np.float32)
        resonance = np.conj(_pole(hz, peak[frames], width[frames]))
        slope = 1 + 1j * axis / roll_off[frames, None].astype(np.float32)
        rise = -1j * axis / peak[frames, None].astype(np.float32)
        out: Response = (rise / (resonance * slope)).astype(np.complex64)
        return out

    return folds


def narrow(curves: Curves, knobs: Knobs) -> Filter:
    """The spectrum of the noise that consonants make at a constriction in the mouth.

    Shape: (bins,), Hz -> (frames, bins), of the filter
    """
    bright = curves.centre > 6500
    centres = curves.centre * np.where(bright, knobs["sibilant"], knobs["formant_scale"] ** 0.5)

    def lips(frames: slice, hz: Audio) -> Response:
        """See Filter. Shape: (bins,), Hz -> (frames, bins)."""
        axis = np.log2(np.maximum(hz, 40.0)).astype(np.float32)
        distance = axis - np.log2(centres[frames, None]).astype(np.float32)
        # Steep below the centre, and a long slope above it.
        distance *= np.where(distance < 0, 1.0, 0.75).astype(np.float32)
        distance /= curves.octaves[frames, None].astype(np.float32)
        bell: Response = np.exp(-0.5 * distance * distance).astype(np.complex64)
        return bell

    return lips


def microphone(hz: Audio, knobs: Knobs) -> Audio:
    """The gains of a close microphone, with boosts at 220 Hz, at 2 kHz and in the treble.

    Shape: (bins,), Hz -> the same
    """
    bass = 1 / (1 + (30.0 / np.maximum(hz, 1.0)) ** 4)
    octave = np.log2(np.maximum(hz, 1.0))
    warm = knobs["proximity"] * np.exp(-0.5 * ((octave - np.log2(230.0)) / 0.6) ** 2)
    present = knobs["presence"] * np.exp(-0.5 * ((octave - np.log2(2200.0)) / 0.9) ** 2)
    shelf = 10 ** (knobs["treble"] / 20 / (1 + (6000.0 / np.maximum(hz, 1.0)) ** 3))
    roof = 1 / (1 + (hz / 17000.0) ** 6)
    gains: Audio = bass * 10 ** ((warm + present) / 20) * shelf * roof
    return gains
