"""Basses are in tune, dark, mono and monophonic, and handle edge cases."""

import numpy as np
import pytest
from scipy import signal

from demo.dsp import SAMPLE_RATE, Audio, hertz
from demo.instruments.bass import BASSES, BRIGHT, monophonic
from demo.score import Note
from demo.splits import Palette

KINDS = sorted(BASSES)
CENT = 2 ** (1 / 1200) - 1

# dB below the loudest third-octave band: the ranges of two recordings, widened by 8 dB
SPANS = {60: (-10, 0), 120: (-12, 6), 250: (-19, -2), 500: (-41, -20), 1000: (-58, -33),
         2000: (-87, -46), 4000: (-90, -65), 8000: (-96, -72)}  # fmt: skip


def knobs_of(kind: str, seed: int = 0, **fixed: float) -> dict[str, float]:
    drawn = Palette("train", np.random.default_rng(seed)).draw_all("bass", BASSES[kind].ranges)
    return {**drawn, **fixed}


def play(
    kind: str, notes: tuple[Note, ...], seconds: float, seed: int = 0, **fixed: float
) -> Audio:
    knobs = knobs_of(kind, seed, **fixed)
    rng = np.random.default_rng(seed)
    return BASSES[kind].play(notes, int(seconds * SAMPLE_RATE), knobs, rng)


def bands(x: Audio) -> dict[int, float]:
    """The mean power density of third-octave bands relative to the loudest, dB."""
    f, power = signal.welch(x, SAMPLE_RATE, nperseg=16384)
    centres = 1000 * 2.0 ** (np.arange(-14, 13) / 3)

    def density(hz: float) -> float:
        return float(power[(f >= hz * 2 ** (-1 / 6)) & (f < hz * 2 ** (1 / 6))].mean())

    top = max(density(c) for c in centres)
    return {hz: 10 * np.log10(density(hz) / top + 1e-15) for hz in SPANS}


def line(rng: np.random.Generator) -> tuple[Note, ...]:
    """Six seconds of eighths, octaves, a walking line or long notes."""
    step, length, steps = [
        (0.25, 0.22, (0, 0, 0, 0)), (0.25, 0.15, (0, 12, 0, 12)), (0.5, 0.48, (0, 4, 7, 9)),
        (2.0, 2.0, (0, 0, 0, 0)),
    ][rng.integers(4)]  # fmt: skip
    root = int(rng.integers(33, 41))
    return tuple(
        Note(i * step, length, root + steps[i % 4] + (-2 if i * step > 3 else 0), 0.75)
        for i in range(int(6 / step))
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("pitch", [33.0, 45.0])
def test_in_tune(kind: str, pitch: float) -> None:
    x = play(kind, (Note(0.0, 2.0, pitch, 0.8),), 2.0)[0, SAMPLE_RATE // 3 :]
    size = 2**20
    power = np.abs(np.fft.rfft(x * np.hanning(len(x)), size))
    bins = np.fft.rfftfreq(size, 1 / SAMPLE_RATE)
    near = np.flatnonzero(np.abs(bins / hertz(pitch) - 1) < 0.03)
    found = bins[near[np.argmax(power[near])]]
    assert abs(found / hertz(pitch) - 1) < 12 * CENT  # the saws may stand 10 cents beside it


@pytest.mark.parametrize("kind", KINDS)
def test_mono_loud_and_without_offset(kind: str) -> None:
    x = play(kind, line(np.random.default_rng(1)), 6.0, seed=3)
    np.testing.assert_array_equal(x[0], x[1])
    assert np.isfinite(x).all()
    assert np.abs(x).max() > 0.1
    assert abs(x.mean()) < 0.01 * x.std()


def test_median_spectrum_is_that_of_recorded_basses() -> None:
    rows = []
    for seed in range(16):
        kind = KINDS[seed % len(KINDS)]
        rows.append(bands(play(kind, line(np.random.default_rng(seed)), 6.0, seed=seed)[0]))
    for hz, (low, high) in SPANS.items():
        median = float(np.median([row[hz] for row in rows]))
        assert low <= median <= high, f"{hz} Hz: {median:.1f} dB"


@pytest.mark.parametrize("kind", ["picked", "slap", "saw", "distorted"])
def test_open_tone_keeps_treble(kind: str) -> None:
    notes = line(np.random.default_rng(2))
    closed, opened = (bands(play(kind, notes, 6.0, open=x, poles=1.0)[0])[2000] for x in (0.2, 0.8))
    assert opened > closed + 12


@pytest.mark.parametrize("split", ["train", "test"])
def test_three_tenths_of_either_split_are_bright(split: str) -> None:
    palette = Palette(split, np.random.default_rng(0))
    drawn = np.array([palette.draw("open", 0.0, 1.0) for _ in range(1500)])
    assert np.mean((drawn > BRIGHT[0]) & (drawn < BRIGHT[1])) == pytest.approx(0.3, abs=0.05)


@pytest.mark.parametrize("kind", KINDS)
def test_next_note_stops_the_one_before(kind: str) -> None:
    notes = (Note(0.0, 9.0, 33.0, 0.8), Note(1.0, 1.0, 39.0, 0.8))
    x = play(kind, notes, 2.0, seed=1, third=0.0)[0, int(1.3 * SAMPLE_RATE) :]
    power = np.abs(np.fft.rfft(x * np.hanning(len(x)), 2**18))
    old, new = (power[int(hertz(p) * 2**18 / SAMPLE_RATE) - 9 :][:18].max() for p in (33.0, 39.0))
    assert old < 0.05 * new


def test_monophonic_cuts_and_orders() -> None:
    notes = (Note(1.0, 3.0, 40.0, 1.0), Note(0.0, 5.0, 35.0, 1.0), Note(1.0, 0.5, 42.0, 1.0))
    assert [(x.pitch, x.duration) for x in monophonic(notes)] == [(35.0, 1.0), (42.0, 0.5)]


def mean_hz(x: Audio, start: float, end: float) -> float:
    """The mean frequency of the fundamental between two times, Hz."""
    low = signal.sosfiltfilt(signal.butter(2, [50, 110], "band", fs=SAMPLE_RATE, output="sos"), x)
    turns = np.unwrap(np.angle(signal.hilbert(low)))
    a, b = int(start * SAMPLE_RATE), int(end * SAMPLE_RATE)
    return float((turns[b] - turns[a]) / (2 * np.pi * (end - start)))


@pytest.mark.parametrize("kind", ["fretless", "glide808"])
def test_tied_notes_glide_and_separate_ones_do_not(kind: str) -> None:
    hz = []
    for length in (1.0, 0.8):
        notes = (Note(0.0, length, 33.0, 0.8), Note(1.0, 1.0, 40.0, 0.8))
        x = play(kind, notes, 2.0, glide=0.1, drop=0.0, punch=0.2, open=0.2, drive=0.1, bloom=0.1)
        hz.append(mean_hz(x[0], 1.02, 1.08))
    assert hertz(33.5) < hz[0] < hertz(38.5)
    assert hz[1] > hertz(39.0)


def test_808_falls_into_its_pitch() -> None:
    x = play("glide808", (Note(0.1, 1.0, 33.0, 0.8),), 1.2, drop=12.0, drop_time=0.04)[0]
    assert mean_hz(x, 0.11, 0.14) > 1.2 * hertz(33.0)


@pytest.mark.parametrize("kind", ["sub", "glide808"])
def test_joins_do_not_click(kind: str) -> None:
    notes = tuple(Note(0.4 * i, 0.4, 33.0 + 5 * (i % 2), 0.8) for i in range(5))
    x = play(kind, notes, 2.0, hiss=-120.0, open=0.8)[0]
    treble = signal.sosfilt(signal.butter(4, 4000, "high", fs=SAMPLE_RATE, output="sos"), x)
    assert np.abs(treble).max() < 1e-3 * np.abs(x).max()


@pytest.mark.parametrize("kind", KINDS)
def test_edges(kind: str) -> None:
    assert not play(kind, (), 0.5).any()
    short = (Note(0.1, 0.001, 40.0, 0.5), Note(0.102, 0.0, 41.0, 0.5), Note(0.45, 2.0, 30.0, 1.0),
             Note(0.7, 0.5, 35.0, 1.0))  # fmt: skip
    x = play(kind, short, 0.5)
    assert x.shape == (2, SAMPLE_RATE // 2)
    assert np.isfinite(x).all()
    assert not x[:, : int(0.09 * SAMPLE_RATE)].round(9).any()


@pytest.mark.parametrize("kind", KINDS)
def test_same_state_same_bytes_other_knobs_other_sound(kind: str) -> None:
    notes = (Note(0.0, 0.3, 36.0, 0.9), Note(0.3, 0.2, 43.0, 0.6))
    one, again = (play(kind, notes, 0.6, seed=5) for _ in range(2))
    assert one.tobytes() == again.tobytes()
    assert not np.allclose(one, play(kind, notes, 0.6, seed=6), atol=1e-2)
