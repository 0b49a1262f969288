"""Piano, electric piano, organ and mallets: in tune, touch-sensitive, wide; edge cases."""

import numpy as np
import pytest

from demo.dsp import SAMPLE_RATE, hertz
from demo.instruments.keys import KEYS
from demo.instruments.organ import rotate
from demo.score import Note
from tests.demo.instruments.listening import (
    bright,
    comping,
    correlation,
    drawn,
    fundamental,
    middle,
    play,
    power_near,
    thirds,
)

KINDS = sorted(KEYS)
REAL = {250: -7, 500: -16, 1000: -29, 2000: -40, 4000: -56, 8000: -79}  # one song's, dB


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("pitch", [48, 60, 71.5])
def test_in_tune(kind: str, pitch: float) -> None:
    knobs = middle(KEYS[kind])
    x = play(KEYS[kind], (Note(0.0, 1.5, pitch, 0.8),), 1.5, knobs).sum(axis=0)
    found = fundamental(x, hertz(pitch) * 0.9, hertz(pitch) * 1.1)
    assert abs(1200 * np.log2(found / hertz(pitch))) < 12


@pytest.mark.parametrize("kind", KINDS)
def test_low_keys_carry_their_fundamental(kind: str) -> None:
    x = play(KEYS[kind], (Note(0.0, 1.0, 36, 0.8),), 1.5, middle(KEYS[kind]))
    assert power_near(x, hertz(36)) + power_near(x, 2 * hertz(36)) > 0.2


@pytest.mark.parametrize("kind", ["piano", "epiano", "mallet"])
def test_a_hard_touch_is_brighter(kind: str) -> None:
    soft, hard = (
        play(KEYS[kind], (Note(0.0, 1.0, 60, velocity),), 1.0, middle(KEYS[kind]))
        for velocity in (0.35, 0.95)
    )
    assert bright(hard, 600) > bright(soft, 600) + 2
    assert hard.std() > 1.5 * soft.std()


@pytest.mark.parametrize("kind", KINDS)
def test_same_seed_same_bytes_and_never_silent(kind: str) -> None:
    for seed in range(2):
        knobs = drawn(KEYS[kind], seed)
        first, second = (play(KEYS[kind], comping(2.0), 2.0, knobs, seed) for _ in range(2))
        assert first.shape == (2, 2 * SAMPLE_RATE) and first.dtype == np.float64
        assert first.tobytes() == second.tobytes()
        assert first.std() > 0.01 and abs(first.mean()) < 0.02 * first.std()


@pytest.mark.parametrize("kind", KINDS)
def test_edges(kind: str) -> None:
    knobs = middle(KEYS[kind])
    assert not play(KEYS[kind], (), 0.2, knobs).any()
    notes = (Note(0.0, 0.001, 60, 1.0), Note(0.19, 3.0, 96, 0.5), Note(7.0, 1.0, 40, 0.5))
    x = play(KEYS[kind], notes, 0.2, knobs)
    assert np.isfinite(x).all() and x.any()


def test_the_spectrum_of_a_part_is_that_of_music() -> None:
    rows = [
        thirds(play(KEYS[kind], comping(4.0), 4.0, drawn(KEYS[kind], seed), seed), tuple(REAL))
        for kind in ("piano", "epiano", "organ")
        for seed in range(6)
    ]
    np.testing.assert_allclose(np.median(rows, axis=0), list(REAL.values()), atol=13)


def test_the_piano_is_wide_and_low_keys_are_left() -> None:
    piano = KEYS["piano"]
    x = play(piano, comping(4.0), 4.0, middle(piano))
    assert 0.2 < correlation(x) < 0.95
    for pitch, side in ((36, 0), (84, 1)):
        notes = play(piano, (Note(0.0, 1.0, pitch, 0.8),), 1.0, middle(piano))
        assert (notes[side] ** 2).sum() > 1.3 * (notes[1 - side] ** 2).sum()


def test_the_piano_decays_in_two_stages() -> None:
    knobs = middle(KEYS["piano"], detune=0.4)
    x = play(KEYS["piano"], (Note(0.0, 4.0, 60, 0.8),), 4.0, knobs)
    level = [
        10 * np.log10((x[:, int(t * 44100) :][:, :8820] ** 2).mean()) for t in (0, 0.7, 2, 2.7)
    ]
    assert level[0] - level[1] > 1.5 * (level[2] - level[3]) > 0


def test_the_loudspeaker_turns_faster_in_a_hurry() -> None:
    tone = np.sin(2 * np.pi * 2000 * np.arange(4 * SAMPLE_RATE) / SAMPLE_RATE)
    speeds = []
    for hurry in (0.0, 1.0):
        knobs = middle(KEYS["organ"], hurry=hurry, fast=6.5, slow=0.75)
        left = rotate(tone, knobs, np.random.default_rng(0))[0]
        sway = np.abs(left).reshape(-1, 441).mean(axis=1)
        speeds.append(np.argmax(np.abs(np.fft.rfft(sway - sway.mean()))) / 4)
    assert speeds == [0.75, 6.5]
