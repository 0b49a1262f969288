"""Pads, strings and brass: in tune, wide, and varying over time."""

import numpy as np
import pytest

from demo.dsp import SAMPLE_RATE, hertz
from demo.instruments.ensembles import ENSEMBLES
from demo.score import Note
from tests.demo.instruments.listening import (
    bright,
    comping,
    correlation,
    drawn,
    middle,
    play,
    power_near,
    thirds,
)

KINDS = sorted(ENSEMBLES)
REAL = {250: -7, 500: -16, 1000: -29, 2000: -40, 4000: -56, 8000: -79}  # one song's, dB


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("pitch", [40, 67.5])
def test_in_tune(kind: str, pitch: float) -> None:
    knobs = middle(ENSEMBLES[kind])
    x = play(ENSEMBLES[kind], (Note(0.0, 1.5, pitch, 0.8),), 1.5, knobs)
    shares = [power_near(x, hertz(pitch + off), 40) for off in (-1, 0, 1)]
    assert shares[1] > 5 * (shares[0] + shares[2])
    harmonics = sum(power_near(x, k * hertz(pitch), 50) for k in range(1, 9))
    assert harmonics > 0.9


@pytest.mark.parametrize("kind", KINDS)
def test_wide_but_not_apart(kind: str) -> None:
    for seed in range(3):
        x = play(ENSEMBLES[kind], comping(3.0), 3.0, drawn(ENSEMBLES[kind], seed), seed)
        assert 0.2 < correlation(x) < 0.95
        assert abs(10 * np.log10((x[0] ** 2).sum() / (x[1] ** 2).sum())) < 6


@pytest.mark.parametrize("kind", KINDS)
def test_louder_is_brighter(kind: str) -> None:
    soft, loud = (
        play(ENSEMBLES[kind], (Note(0.0, 1.0, 60, velocity),), 1.0, middle(ENSEMBLES[kind]))
        for velocity in (0.4, 0.95)
    )
    assert bright(loud) > bright(soft) + 1


@pytest.mark.parametrize("kind", KINDS)
def test_same_seed_same_bytes_and_never_silent(kind: str) -> None:
    knobs = drawn(ENSEMBLES[kind], 5)
    first, second = (play(ENSEMBLES[kind], comping(2.0), 2.0, knobs, 1) for _ in range(2))
    assert first.shape == (2, 2 * SAMPLE_RATE) and first.dtype == np.float64
    assert first.tobytes() == second.tobytes()
    assert first.std() > 0.05 and abs(first.mean()) < 0.01 * first.std()
    other = play(ENSEMBLES[kind], comping(2.0), 2.0, knobs, 2)
    assert not np.allclose(first, other)


@pytest.mark.parametrize("kind", KINDS)
def test_edges(kind: str) -> None:
    knobs = middle(ENSEMBLES[kind])
    assert not play(ENSEMBLES[kind], (), 0.2, knobs).any()
    notes = (Note(0.0, 0.001, 60, 1.0), Note(0.1, 3.0, 90, 0.5), Note(7.0, 1.0, 40, 0.5))
    x = play(ENSEMBLES[kind], notes, 0.2, knobs)
    assert np.isfinite(x).all() and x.any()


@pytest.mark.parametrize("kind", KINDS)
def test_the_spectrum_of_a_part_is_that_of_music(kind: str) -> None:
    rows = [
        thirds(play(ENSEMBLES[kind], comping(2.0), 2.0, drawn(ENSEMBLES[kind], s), s), tuple(REAL))
        for s in range(5)
    ]
    np.testing.assert_allclose(np.median(rows, axis=0), list(REAL.values()), atol=15)


def test_strings_enter_slowly_and_brass_stabs() -> None:
    rises = {}
    for kind in ("strings", "brass"):
        x = play(ENSEMBLES[kind], (Note(0.0, 1.0, 60, 0.8),), 1.0, middle(ENSEMBLES[kind]))
        level = np.sqrt((x**2).mean(axis=0).reshape(-1, 441).mean(axis=1))
        rises[kind] = np.argmax(level > 0.7 * np.quantile(level, 0.9)) / 100
    assert rises["brass"] <= 0.1 < rises["strings"]


def test_brass_is_brightest_at_its_attack() -> None:
    knobs = middle(ENSEMBLES["brass"], sag=0.3)
    x = play(ENSEMBLES["brass"], (Note(0.0, 1.5, 60, 0.8),), 1.5, knobs)
    assert bright(x[:, 2000:8000]) > bright(x[:, 40000:60000]) + 3


def test_a_pad_s_filter_moves() -> None:
    knobs = middle(ENSEMBLES["pad"], lfo=0.9, lfo_rate=0.5, bloom=0.0)
    x = play(ENSEMBLES["pad"], (Note(0.0, 2.0, 55, 0.8),), 2.0, knobs)
    up, down = bright(x[:, 12000:32000]), bright(x[:, 56000:76000])
    assert up > down + 4


def test_high_strings_sit_left_of_low_ones() -> None:
    balance = []
    for pitch in (40, 86):
        x = play(ENSEMBLES["strings"], (Note(0.0, 1.0, pitch, 0.8),), 1.0,
                 middle(ENSEMBLES["strings"]))  # fmt: skip
        balance.append(float((x[1] ** 2).sum() / (x[0] ** 2).sum()))
    assert balance[0] > 1.2 > 1 / 1.2 > balance[1]
