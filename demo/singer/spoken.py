"""A vocal tract taken from spoken syllables, stretched to fit the notes."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy import fft

from demo.dsp import SAMPLE_RATE, Audio
from demo.frames import HOP, Filter, Response
from demo.score import Note
from demo.singer.envelopes import SIZE, STEP, align, envelopes
from demo.singer.espeak import RATE
from demo.singer.performance import RAP, Curves
from demo.singer.phonemes import CONSONANTS, INHALE, parse
from demo.singer.timeline import Segment, lay_out
from demo.splits import Knobs

Speak = Callable[[str], Audio]

_REST = 0.05  # seconds after a syllable until the mouth opens for the next
_GLIDE = 0.06  # seconds of a vowel next to a consonant, which are not stretched
_FLOW = 170.0  # Hz, above which the sound of the vocal folds falls off
_AIR = (1500.0, 8000.0)  # Hz, range in which turbulence grows
_VOICE_LEVEL, _HISS_LEVEL = -19.0, -8.0  # dB, matched to those of other singers
_LOWEST = 100.0  # Hz, above which the loudness of a sound is measured
_DEEP = 1000.0
_BRIGHTEST = 8.0  # dB, most gain of the tract relative to that below _DEEP


@dataclass(frozen=True)
class Spoken:
    """A spoken syllable."""

    first: int  # index of its first frame among the envelopes of all syllables
    edges: tuple[int, ...]  # frames at which its sounds begin, and the end of the last


def breathing(curves: Curves) -> Curves:
    """Move the hiss of consonants to the throat, where the tract filters it.

    Shape: as in Curves
    """
    return replace(curves, hiss=np.zeros_like(curves.hiss), breath=curves.breath + curves.hiss)


def spoken_tract(
    notes: tuple[Note, ...], curves: Curves, knobs: Knobs, speak: Speak, *, sung: str
) -> Filter:
    """The vocal tract of a melody whose syllables are spoken by `speak`.

    Shape: (bins,), Hz -> (frames, bins), of the filter

    Args:
        notes: at least one; monophonic.
        speak: syllable -> mono samples at RATE.
        sung: "sung" or "rap", as for the curves.
    """
    said: dict[str, Spoken] = {}
    spectra: list[Audio] = []
    for text in dict.fromkeys(note.text for note in notes):
        first = sum(len(rows) for rows in spectra)
        spectra.append(envelopes(speak(text)))
        said[text] = Spoken(first, align(spectra[-1], text))
    speed = knobs["articulation"] * (RAP if sung == "rap" else 1.0)
    places = _places(notes, said, len(curves.dark), speed)
    hissing = (curves.hiss / (curves.hiss + 0.3 * curves.voiced + 1e-3))[::4, None]
    return _filter(np.concatenate(spectra), places, hissing, knobs["formant_scale"])


def _places(notes: tuple[Note, ...], said: dict[str, Spoken], count: int, speed: float) -> Audio:
    """The (fractional) index of the envelope in each of `count` frames."""
    melody = sorted(notes, key=lambda note: note.start)
    # lay_out draws only the timbre of vowels: the timing is the same for any generator.
    syllables, rows = lay_out(melody, speed, np.random.default_rng(0))
    times = np.arange(count) * HOP / SAMPLE_RATE
    places = np.empty(count)
    free = 0
    for syllable, row in zip(syllables, rows, strict=True):
        spoken = said[syllable.note.text]
        heard = [segment for segment in row if segment.piece is not INHALE]
        anchors = np.array(_anchors(heard, syllable.note.text, spoken.edges))
        start, end = np.searchsorted(times, (syllable.onset, syllable.end + _REST))
        middle = np.interp(0.5 * (syllable.note.start + syllable.vowel_end), *anchors.T)
        places[free:start] = spoken.first + middle
        places[start:] = spoken.first + np.interp(times[start:], *anchors.T)
        free = end
    return places


def _anchors(row: list[Segment], text: str, edges: tuple[int, ...]) -> list[tuple[float, float]]:
    """(seconds, frame) pairs that map a syllable in the song to the spoken one."""
    onset, vowels, coda = parse(text)
    pieces = [*(len(CONSONANTS[symbol]) for symbol in onset), *(1 for _ in vowels),
              *(len(CONSONANTS[symbol]) for symbol in coda)]  # fmt: skip
    begins = np.cumsum([0, *pieces])
    times = [*(row[k].start for k in begins[:-1]), row[-1].end]
    # The last frame lies before the last edge.
    frames = [*edges[:-1], edges[-1] - 1]
    pairs: list[tuple[float, float]] = list(zip(times, frames, strict=True))
    if onset and not row[0].piece.voiced + row[0].piece.hiss + row[0].piece.breath:
        pairs.insert(1, (row[0].end, frames[0]))  # what was spoken starts with the burst
    first, last = len(onset), len(onset) + len(vowels)
    if len(vowels) == 1:
        glide = min(_GLIDE, 0.3 * (times[last] - times[first]))
        step = min(glide * RATE / STEP, 0.3 * (frames[last] - frames[first]))
        pairs.append((times[first] + glide, frames[first] + step))
        pairs.append((times[last] - glide, frames[last] - step))
    return sorted(pairs)


def _filter(bank: Audio, places: Audio, hissing: Audio, scale: float) -> Filter:
    """The response of envelopes (rows, bins) at fractional indices (frames,).

    Args:
        hissing: (frames, 1), from 0 for voiced to 1 for noise.
        scale: of the formants.
    """

    def tract(frames: slice, hz: Audio) -> Response:
        """See Filter. Shape: (bins,), Hz -> (frames, bins)."""
        place = places[frames]
        row = place.astype(np.int64)
        after = np.minimum(row + 1, len(bank) - 1)
        mixed = bank[row] + (place - row)[:, None] * (bank[after] - bank[row])
        bins = hz * (SIZE / RATE / scale)
        left = bins.astype(np.int64)
        decibel = mixed[:, left] + (bins - left) * (mixed[:, left + 1] - mixed[:, left])
        # The spectra of the vocal folds and of breath are removed, since synthesis adds its own.
        slope = 10 * np.log10(1 + (hz / _FLOW) ** 2)
        turbulence = 10 * np.log10(1 + (_AIR[1] / np.maximum(hz, _AIR[0])) ** 2)
        heard = decibel - _mean(decibel[:, hz > _LOWEST])
        voice = heard + slope
        # Glottal clicks must not crackle in the spectrum of a hiss.
        deep = _mean(voice[:, (hz > _LOWEST) & (hz < _DEEP)])
        voice = _VOICE_LEVEL + np.minimum(voice, deep + _BRIGHTEST)
        noise = _HISS_LEVEL + heard + turbulence
        return _minimum_phase(voice + hissing[frames] * (noise - voice))

    return tract


def _mean(decibel: Audio) -> Audio:
    """The mean power of each row, dB. Shape: (rows, 1)."""
    mean: Audio = 10 * np.log10(np.mean(10 ** (decibel / 10), axis=1, keepdims=True))
    return mean


def _minimum_phase(decibel: Audio) -> Response:
    """The minimum-phase response (rows, bins) of these gains."""
    size = 2 * (decibel.shape[1] - 1)
    cepstrum = fft.irfft((decibel * (np.log(10) / 20)).astype(np.float32), size)
    cepstrum[:, 1 : size // 2] *= 2
    cepstrum[:, size // 2 + 1 :] = 0
    out: Response = np.exp(fft.rfft(cepstrum))
    return out
