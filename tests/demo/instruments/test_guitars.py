"""Guitars are in tune and wide, have the right spectrum, and handle edge cases."""

import numpy as np
import pytest
from scipy import signal

from demo.dsp import SAMPLE_RATE, Audio, hertz
from demo.instruments.guitars import GUITARS, restruck
from demo.score import Note
from demo.splits import Palette

KINDS = sorted(GUITARS)
CENT = 2 ** (1 / 1200) - 1
E_MAJOR = (40, 47, 52, 56, 59, 64)


def play(
    kind: str, notes: tuple[Note, ...], seconds: float, seed: int = 0, **fixed: float
) -> Audio:
    drawn = Palette("train", np.random.default_rng(seed)).draw_all("guitar", GUITARS[kind].ranges)
    rng = np.random.default_rng(seed)
    return GUITARS[kind].play(notes, int(seconds * SAMPLE_RATE), {**drawn, **fixed}, rng)


def strum(chord: tuple[int, ...] = E_MAJOR, times: int = 8) -> tuple[Note, ...]:
    """Two seconds of strummed eighths."""
    return tuple(
        Note(0.25 * i + 0.004 * j, 0.25, float(pitch), 0.7)
        for i in range(times) for j, pitch in enumerate(chord)
    )  # fmt: skip


def density(x: Audio, low: float, high: float) -> float:
    """The mean power density between two frequencies, dB."""
    f, power = signal.welch(x, SAMPLE_RATE, nperseg=16384)
    inside = (f >= low) & (f < high)
    return float(10 * np.log10(np.asarray(power)[:, inside].mean() + 1e-20))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("pitch", [40.0, 55.0, 72.0])
def test_in_tune(kind: str, pitch: float) -> None:
    x = play(kind, (Note(0.0, 1.5, pitch, 0.8),), 1.5, detune=0.0, sway=0.0, t60=3.0)[0]
    power = np.abs(np.fft.rfft(x * np.hanning(len(x)), 2**20))
    bins = np.fft.rfftfreq(2**20, 1 / SAMPLE_RATE)
    near = np.flatnonzero(np.abs(bins / hertz(pitch) - 1) < 0.03)
    found = bins[near[np.argmax(power[near])]]
    assert abs(found / hertz(pitch) - 1) < 5 * CENT


@pytest.mark.parametrize("kind", KINDS)
def test_low_strings_carry(kind: str) -> None:
    x = play(kind, strum(), 2.0)
    assert density(x, 75, 130) > density(x, 150, 400) - 12


@pytest.mark.parametrize("kind", KINDS)
def test_spectrum_falls_and_has_no_offset(kind: str) -> None:
    x = play(kind, strum(), 2.0, seed=2)
    fall = density(x, 350, 700) - density(x, 2800, 5600)  # three octaves
    assert 8 < fall < 50
    assert abs(x.mean()) < 0.02 * x.std()


def test_steel_is_brighter_than_nylon_and_cabinets_end_early() -> None:
    treble = {}
    for kind in ("acoustic", "nylon", "clean", "overdriven"):
        rows = [play(kind, strum(), 2.0, seed=seed) for seed in range(3)]
        treble[kind] = np.mean([density(x, 8e3, 12e3) - density(x, 150, 400) for x in rows])
    assert treble["acoustic"] > treble["nylon"] + 8
    assert max(treble["clean"], treble["overdriven"]) < -50


@pytest.mark.parametrize("kind", KINDS)
def test_width_knob_opens_the_stereo(kind: str) -> None:
    low, high = GUITARS[kind].ranges["width"]
    narrow, wide = (
        float(np.corrcoef(*play(kind, strum(), 2.0, seed=3, width=width)).item(1))
        for width in (low, high)
    )
    assert 0.1 < wide < narrow - 0.05
    assert narrow < 0.98


def test_chord_meets_the_distortion_as_one_sum() -> None:
    def driven(*notes: Note) -> Audio:
        fixed = {"detune": 0.0, "late": 0.0, "noise": 0.0}
        left: Audio = play("overdriven", notes, 1.5, 0, gain=10.0, **fixed)[0]
        return left

    root, fifth = Note(0.0, 1.5, 45.0, 0.8), Note(0.0, 1.5, 52.0, 0.8)
    together, apart = driven(root, fifth), driven(root) + driven(fifth)
    # 110 + 164.8 Hz is a partial of neither note.
    growl = [np.abs(np.fft.rfft(x * np.hanning(len(x))))[int(1.5 * 274.8) - 3 :][:7].max()
             for x in (together, apart)]  # fmt: skip
    assert growl[0] > 5 * growl[1]


def test_muted_strings_stop_soon() -> None:
    def fade(kind: str) -> float:
        x = play(kind, (Note(0.0, 1.5, 45.0, 0.8),), 1.5, gain=0.5)
        return float(np.std(x[:, 26460:30870]) / np.std(x[:, 2205:6615]))

    assert fade("muted") < 0.1 < fade("clean")


@pytest.mark.parametrize("kind", ["acoustic", "nylon", "clean"])
def test_high_strings_die_sooner(kind: str) -> None:
    def fade(pitch: float) -> float:
        x = play(kind, (Note(0.0, 1.5, pitch, 0.8),), 1.5, noise=0.0, beat=0.0)
        return float(np.std(x[:, 44100:52920]) / np.std(x[:, 2205:11025]))

    assert fade(76.0) < 0.7 * fade(45.0)


@pytest.mark.parametrize("kind", ["acoustic", "nylon", "clean"])
def test_hard_strokes_are_louder_and_brighter(kind: str) -> None:
    soft, hard = (
        play(kind, tuple(Note(0.5 * i, 0.5, 45.0, v) for i in range(4)), 2.0, noise=0.0, drive=0.05)
        for v in (0.2, 0.95)
    )
    if kind != "clean":  # the amplifier of the clean one is set by how loud the part is
        assert np.std(hard) > 2 * np.std(soft)
    tilt_soft, tilt_hard = (density(x, 1500, 4000) - density(x, 80, 300) for x in (soft, hard))
    assert tilt_hard > tilt_soft + 2


def test_restruck_string_stops_its_old_note_only() -> None:
    notes = (Note(0.0, 3.0, 50.0, 1.0), Note(0.0, 3.0, 55.0, 1.0), Note(1.0, 1.0, 50.0, 0.5))
    cut = restruck(notes)
    assert sorted((x.start, x.pitch, x.duration) for x in cut) == [
        (0.0, 50.0, 1.0), (0.0, 55.0, 3.0), (1.0, 50.0, 1.0),
    ]  # fmt: skip
    assert [x.start for x in cut] == sorted(x.start for x in cut)


@pytest.mark.parametrize("kind", KINDS)
def test_edges(kind: str) -> None:
    assert not play(kind, (), 0.5).any()
    short = (Note(0.0, 0.001, 40.0, 0.5), Note(0.002, 0.0, 41.0, 0.5), Note(0.45, 2.0, 84.0, 1.0),
             Note(0.7, 0.5, 50.0, 1.0))  # fmt: skip
    x = play(kind, short, 0.5)
    assert x.shape == (2, SAMPLE_RATE // 2)
    assert np.isfinite(x).all()
    assert np.abs(x).max() > 0.01


@pytest.mark.parametrize("kind", KINDS)
def test_same_state_same_bytes_other_knobs_other_sound(kind: str) -> None:
    one, again = (play(kind, strum(times=2), 0.6, seed=5) for _ in range(2))
    assert one.tobytes() == again.tobytes()
    assert not np.allclose(one, play(kind, strum(times=2), 0.6, seed=6), atol=1e-2)
