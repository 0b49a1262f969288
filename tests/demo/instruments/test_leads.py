"""Melody instruments: phrasing like a singer's, with fixed formants."""

import numpy as np
import pytest
from scipy import signal

from demo.dsp import SAMPLE_RATE, Audio, hertz
from demo.instruments.leads import LEADS
from demo.instruments.solo import SOLOS
from demo.score import Note
from tests.demo.instruments.listening import (
    bright,
    correlation,
    drawn,
    fundamental,
    melody,
    middle,
    play,
)

MELODIC = {**LEADS, **SOLOS}
KINDS = sorted(MELODIC)
PHRASED = ("flute", "lead", "sax", "solo", "violin")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("pitch", [55, 67, 79.5])
def test_in_tune(kind: str, pitch: float) -> None:
    x = play(MELODIC[kind], (Note(0.0, 1.2, pitch, 0.8),), 1.2, middle(MELODIC[kind]))[0]
    found = fundamental(x, hertz(pitch) * 0.9, hertz(pitch) * 1.1)
    assert abs(1200 * np.log2(found / hertz(pitch))) < 30  # vibrato and scoops included


@pytest.mark.parametrize("kind", KINDS)
def test_same_seed_same_bytes_never_silent_near_mono(kind: str) -> None:
    for seed in range(2):
        knobs = drawn(MELODIC[kind], seed)
        first, second = (play(MELODIC[kind], melody(3.0), 3.0, knobs, seed) for _ in range(2))
        assert first.shape == (2, 3 * SAMPLE_RATE) and first.dtype == np.float64
        assert first.tobytes() == second.tobytes()
        assert first.std() > 0.01 and abs(first.mean()) < 0.01 * first.std()
        assert correlation(first) > 0.6


@pytest.mark.parametrize("kind", KINDS)
def test_edges(kind: str) -> None:
    knobs = middle(MELODIC[kind])
    assert not play(MELODIC[kind], (), 0.2, knobs).any()
    notes = (Note(0.0, 0.001, 60, 1.0), Note(0.1, 3.0, 84, 0.5), Note(7.0, 1.0, 60, 0.5))
    x = play(MELODIC[kind], notes, 0.2, knobs)
    assert np.isfinite(x).all() and x.any()


def pitch_track(x: Audio, low: float, high: float) -> Audio:
    """The strongest frequency in a range, Hz, a hundred times per second."""
    f, _, frames = signal.stft(x, SAMPLE_RATE, nperseg=2048, noverlap=2048 - 441, nfft=16384)
    inside = (f > low) & (f < high)
    out: Audio = f[inside][np.abs(frames[inside]).argmax(axis=0)]
    return out


@pytest.mark.parametrize("kind", PHRASED)
def test_touching_notes_slide_into_each_other(kind: str) -> None:
    knobs = middle(MELODIC[kind], glide=0.14, vibrato=0.0)
    notes = (Note(0.0, 0.7, 64, 0.8), Note(0.7, 0.7, 71, 0.8))
    x = play(MELODIC[kind], notes, 1.4, knobs)[0]
    track = pitch_track(x, hertz(62), hertz(73))
    between = (track > hertz(65)) & (track < hertz(70))
    assert 2 <= between[60:95].sum() <= 16
    level = np.sqrt((x[: 441 * 130].reshape(-1, 441) ** 2).mean(axis=1))
    assert level[60:85].min() > 0.2 * level[60:85].max()  # legato: no gap


@pytest.mark.parametrize("kind", PHRASED)
def test_one_note_at_a_time(kind: str) -> None:
    knobs = middle(MELODIC[kind], vibrato=0.0)
    alone = play(MELODIC[kind], (Note(0.0, 1.0, 72, 0.8),), 1.0, knobs)
    both = play(MELODIC[kind], (Note(0.0, 1.0, 65, 0.8), Note(0.0, 1.0, 72, 0.8)), 1.0, knobs)
    np.testing.assert_array_equal(alone, both)


@pytest.mark.parametrize("kind", PHRASED)
def test_louder_is_brighter(kind: str) -> None:
    still = {name: 0.0 for name in ("breath", "air", "bow") if name in MELODIC[kind].ranges}
    soft, loud = (
        play(MELODIC[kind], (Note(0.0, 1.0, 60, velocity),), 1.0, middle(MELODIC[kind], **still))
        for velocity in (0.4, 0.95)
    )
    assert bright(loud) > bright(soft) + 1


@pytest.mark.parametrize("kind", ["sax", "violin"])
def test_formants_stay_where_they_are(kind: str) -> None:
    scale = {"sax": "bore", "violin": "body"}[kind]
    places = {"sax": 650, "violin": 460}[kind]
    depth = {"sax": "honk", "violin": "wood"}[kind]
    notes = tuple(Note(0.2 * i, 0.2, 55 + i, 0.8) for i in range(14))
    spectra = []
    for strength in (0.0, 9.0):
        knobs = middle(MELODIC[kind], **{scale: 1.0, depth: strength})
        f, power = signal.welch(
            play(MELODIC[kind], notes, 3.0, knobs)[0], SAMPLE_RATE, nperseg=4096
        )
        spectra.append(power)
    gain = 10 * np.log10(spectra[1] / spectra[0])
    assert gain[np.argmin(np.abs(f - places))] > gain[np.argmin(np.abs(f - 1250))] + 5


def test_a_growl_roughens_the_sax() -> None:
    rough = []
    for growl in (0.0, 0.5):
        knobs = middle(LEADS["sax"], growl=growl, growl_rate=40.0, swell=0.0, vibrato=0.0)
        x = play(LEADS["sax"], (Note(0.0, 1.5, 60, 0.8),), 1.5, knobs)[0]
        power = np.abs(np.fft.rfft(x[:SAMPLE_RATE] * np.hanning(SAMPLE_RATE))) ** 2
        rough.append(sum(power[262 + side : 262 + side + 9].sum() for side in (-44, 36)))
    assert rough[1] > 30 * rough[0]


def test_an_arp_snaps_shut() -> None:
    x = play(LEADS["arp"], (Note(0.0, 0.5, 60, 0.8),), 0.6, middle(LEADS["arp"]))
    assert bright(x[:, :4410]) > bright(x[:, 8820:17640]) + 6


def test_the_breath_of_a_flute_ends_with_the_note() -> None:
    knobs = middle(LEADS["flute"], breath=0.2, air=0.03, release=0.1)
    x = play(LEADS["flute"], (Note(0.2, 0.8, 72, 0.8),), 1.6, knobs)
    noise = signal.sosfilt(signal.butter(4, 5000, "highpass", fs=SAMPLE_RATE, output="sos"), x)
    level = np.abs(noise).mean(axis=0).reshape(-1, 441).mean(axis=1)
    assert level[40:90].mean() > 1e-4
    assert level[:18].max() < 1e-9 and level[125:].max() < 0.01 * level[40:90].mean()
