"""Analysis of a spoken syllable: its spectral envelopes, and the start of each sound."""

import numpy as np
from scipy import fft

from demo.dsp import Audio
from demo.singer.espeak import RATE
from demo.singer.phonemes import CONSONANTS, Piece, parse

STEP = RATE // 200  # samples between envelopes: 5 ms
SIZE = 1024  # of the transform
_WINDOW = 2 * (RATE // 66)  # samples: 30 ms
_LIFTER = 50  # cepstral coefficients kept: a resolution of 440 Hz
_PASSES = 4  # iterations that raise the envelope to the peaks of the partials
_TOP = 9500.0  # Hz, band limit of the program's sound
_FIT = 4000.0  # Hz, above which the slope of an envelope is measured
_SLOPE = (-20.0, -4.0)  # dB per octave, the range of slopes used above _TOP
_HIGHER = (8.0, 18.0)  # line for higher formants: dB below the last ones, and dB per octave
_BINS = round(27000 * SIZE / RATE)  # enough for the smallest formant scale
_FLOOR = 75.0  # dB below the loudest bin of a frame
_COEFFICIENTS = 16  # of a spectrum, used to compare sounds
_LONGEST = round(0.2 * RATE / STEP)  # frames of a consonant
_LIKENESS, _KIND = 0.15, 40.0  # weights of the two rules of `align`


def envelopes(x: Audio) -> Audio:
    """Smooth spectra of `x` in dB, one every STEP samples. Shape: (n,) -> (frames, bins).

    Each is a true envelope: a smoothed spectrum, raised until it reaches the partials. Above the
    band limit of the program's sound, it is extrapolated with its slope below. The program's vowels
    have no formants above the fifth; a line replaces them, below the level of any hiss.
    """
    frames = np.lib.stride_tricks.sliding_window_view(np.pad(x, _WINDOW // 2), _WINDOW)[::STEP]
    power = np.abs(fft.rfft(frames * np.hanning(_WINDOW), SIZE)) ** 2
    decibel = 10 * np.log10(power + 1e-9)
    decibel = np.maximum(decibel, decibel.max(axis=1, keepdims=True) - _FLOOR)
    envelope = _smoothed(decibel)
    for _ in range(_PASSES):
        envelope = _smoothed(np.maximum(decibel, envelope))
    octaves = np.log2(np.maximum(np.arange(_BINS), 1) * RATE / SIZE / _TOP)
    known = envelope[:, : np.searchsorted(octaves, 0.0)]
    first = np.searchsorted(octaves, np.log2(_FIT / _TOP))
    axis = octaves[first : known.shape[1]] - octaves[first : known.shape[1]].mean()
    slope = np.clip(known[:, first:] @ axis / (axis @ axis), *_SLOPE)
    end = known[:, -8:].mean(axis=1, keepdims=True)
    whole = np.concatenate([known, end + slope[:, None] * octaves[known.shape[1] :]], axis=1)
    higher = known[:, round(_FIT * 0.75 * SIZE / RATE) : first].mean(axis=1, keepdims=True)
    line = higher - _HIGHER[0] - _HIGHER[1] * (octaves[first:] - octaves[first])
    whole[:, first:] = np.maximum(whole[:, first:], line)
    return whole


def _smoothed(decibel: Audio) -> Audio:
    cepstrum = fft.irfft(decibel, SIZE)
    cepstrum[:, _LIFTER : 1 - _LIFTER] = 0
    out: Audio = fft.rfft(cepstrum, SIZE).real
    return out


def _expected(text: str) -> list[tuple[float, float, int, bool]]:
    """Voicing, hiss, minimum frames, and whether it is a vowel, for each sound of a syllable."""
    onset, vowels, coda = parse(text)
    sounds = [CONSONANTS[symbol] for symbol in onset]
    sounds += [(Piece(0.06, voiced=1.0),)] * len(vowels)
    sounds += [CONSONANTS[symbol] for symbol in coda]
    rows: list[tuple[float, float, int, bool]] = []
    for pieces in sounds:
        seconds = sum(piece.seconds for piece in pieces if piece.voiced or piece.hiss)
        rows.append((
            max(piece.voiced for piece in pieces),
            max(piece.hiss for piece in pieces),
            max(round(0.5 * seconds * RATE / STEP), 1),
            len(onset) <= len(rows) < len(onset) + len(vowels),
        ))  # fmt: skip
    return rows


def _unlike(spectra: Audio) -> Audio:
    """The spread of the spectra from frame a up to frame b. Shape: (frames + 1, frames + 1)."""
    known = spectra[:, : round(_TOP * SIZE / RATE)]
    features = fft.dct(known, norm="ortho")[:, :_COEFFICIENTS] / np.sqrt(known.shape[1])
    sums = np.concatenate([np.zeros((1, _COEFFICIENTS)), np.cumsum(features, axis=0)])
    squares = np.concatenate([[0.0], np.cumsum((features**2).sum(axis=1))])
    count = np.arange(len(sums))
    length = np.maximum(count - count[:, None], 1)
    of_means = ((sums[None] - sums[:, None]) ** 2).sum(axis=2) / length
    out: Audio = squares[None] - squares[:, None] - of_means
    return out


def align(spectra: Audio, text: str) -> tuple[int, ...]:
    """The frames at which the sounds of a spoken syllable begin, and the end of the last.

    Each sound is a run of similar spectra with the voicing and hiss of that sound.
    Shape: (frames, bins), dB, with at least as many frames as sounds
    """
    sounds, count = _expected(text), len(spectra)
    power = 10 ** (spectra / 10)
    low, high = (
        power[:, round(a * SIZE / RATE) : round(b * SIZE / RATE)].mean(axis=1)
        for a, b in ((100, 1000), (3000, 9000))
    )
    loud = np.clip(1 + 10 * np.log10(low / low.max()) / 25, 0, 1)
    bright = np.clip(0.5 + 10 * np.log10(high / low) / 30, 0, 1)
    unlike = _LIKENESS * _unlike(spectra)
    length = np.arange(count + 1) - np.arange(count + 1)[:, None]
    best, ways = np.where(np.arange(count + 1) == 0, 0.0, np.inf), []
    for voiced, hiss, shortest, vowel in sounds:
        misfit = (loud - voiced**0.5) ** 2 + (bright - min(1.6 * hiss, 1.0)) ** 2
        total = np.concatenate([[0.0], np.cumsum(_KIND * misfit)])
        cost = best[:, None] + unlike + total - total[:, None]
        cost[length < min(shortest, count // len(sounds))] = np.inf
        if not vowel:
            cost[length > max(_LONGEST, count // len(sounds))] = np.inf
        ways.append(cost.argmin(axis=0))
        best = cost.min(axis=0)
    edges = [count]
    for way in reversed(ways):
        edges.append(int(way[edges[-1]]))
    return tuple(reversed(edges))
