"""Melodies for singers, including unusual ones, and measures of the result."""

import numpy as np
from scipy import signal

from demo.dsp import SAMPLE_RATE, Audio
from demo.score import Note
from demo.singer.vocals import render_vocals
from demo.splits import Palette

CENTS = 50.0
_TEXTS = ("s-a-", "m-i-n", "-o.U-", "d-E-s", "l-u-")
ODD = (
    (Note(2.8, 5.0, 60.0, 0.8, "s-a-t"),),
    (Note(9.0, 1.0, 60.0, 0.8, "s-a-t"),),
    (Note(0.0, 0.01, 60.0, 0.8, "s.t.r-a-n.d"), Note(0.02, 0.01, 76.0, 0.8, "s-a-")),
    (Note(1.0, 1.0, 60.0, 0.8, "-a-"), Note(1.0, 1.0, 64.0, 0.8, "-a-")),
    (Note(1.0, 1.0, 60, 0.8),),
)


def melody(*pitches: float) -> tuple[Note, ...]:
    """At most five notes of half a second from 0.4 s on, with different syllables."""
    pairs = zip(pitches, _TEXTS, strict=False)
    return tuple(Note(0.4 + 0.5 * k, 0.48, p, 0.8, t) for k, (p, t) in enumerate(pairs))


def render(
    lead: tuple[Note, ...], seconds: float = 3.0, seed: int = 0, sung: str = "sung",
    harmony: tuple[Note, ...] = (), *, espeak: bool = False,
) -> tuple[Audio, dict[str, object]]:  # fmt: skip
    """A vocal stem of the training split, and the facts about its singer."""
    rng = np.random.default_rng(seed)
    n = int(seconds * SAMPLE_RATE)
    return render_vocals(lead, harmony, n, Palette("train", rng), rng, sung=sung, espeak=espeak)


def pitch_of(x: Audio, low: float = 80.0, high: float = 800.0) -> float:
    """The frequency of the first high peak of the autocorrelation of low partials, Hz."""
    x = signal.sosfilt(signal.butter(4, 1000.0, fs=SAMPLE_RATE, output="sos"), x)
    spectrum = np.abs(np.fft.rfft(x * np.hanning(len(x)), 4 * len(x))) ** 2
    window = np.fft.irfft(np.abs(np.fft.rfft(np.hanning(len(x)), 4 * len(x))) ** 2)
    lags = np.fft.irfft(spectrum)[: len(x) // 2] / window[: len(x) // 2]
    first, last = int(SAMPLE_RATE / high), int(SAMPLE_RATE / low)
    inside = lags[first:last]
    peaks, _ = signal.find_peaks(inside, height=0.85 * inside.max())
    k = first + int(peaks[0])
    a, b, c = lags[k - 1 : k + 2]
    return float(SAMPLE_RATE / (k + 0.5 * (a - c) / (a - 2 * b + c)))


def powers(x: Audio) -> dict[str, dict[float, float]]:
    """The power of mono `x` in a low and a high band, 70 ms before and 80 ms after 1 s."""
    found = {}
    for name, (low, high) in {"low": (150.0, 1500.0), "high": (7000.0, 16000.0)}.items():
        sos = signal.butter(4, (low, high), "bandpass", fs=SAMPLE_RATE, output="sos")
        y = signal.sosfilt(sos, x) ** 2
        found[name] = {t: float(y[int(t * SAMPLE_RATE) :][:1323].mean()) for t in (0.93, 1.08)}
    return found


def balance(x: Audio) -> list[float]:
    """The levels of middle and treble of mono `x` relative to its low partials, dB."""
    hz, power = signal.welch(x, SAMPLE_RATE, nperseg=4096)
    low, mid, high = (
        power[(hz > a) & (hz < b)].mean() for a, b in ((220, 900), (1800, 4500), (8e3, 13e3))
    )
    return [float(10 * np.log10(level / low)) for level in (mid, high)]
