"""Filters have the specified responses, clipping hardly aliases, panning preserves power."""

import numpy as np
import pytest

from demo.dsp import (
    SAMPLE_RATE,
    Audio,
    add_at,
    band,
    decay,
    gate,
    hertz,
    overdrive,
    pan,
    peaking,
    room,
    saw,
    time_axis,
)


def sine(frequency: float, seconds: float = 0.5, level: float = 1.0) -> Audio:
    out: Audio = level * np.sin(2 * np.pi * frequency * time_axis(int(seconds * SAMPLE_RATE)))
    return out


def gain_db(before: Audio, after: Audio) -> float:
    """The gain of a filter for a sine, measured after its transient."""
    half = before.shape[-1] // 2
    power = (after[..., half:] ** 2).mean() / (before[..., half:] ** 2).mean()
    return float(10 * np.log10(power))


def butterworth_db(frequency: float, corner: float, order: int, *, high: bool) -> float:
    """The gain of a Butterworth filter, with the warping of the bilinear transform."""
    w, c = (np.tan(np.pi * x / SAMPLE_RATE) for x in (frequency, corner))
    ratio = c / w if high else w / c
    return float(-10 * np.log10(1 + ratio ** (2 * order)))


def bell_db(frequency: float, centre: float, gain: float, q: float) -> float:
    """The gain of an analogue bell, H = (s2 + s A/Q + 1) / (s2 + s/(A Q) + 1), warped."""
    w, c = (np.tan(np.pi * x / SAMPLE_RATE) for x in (frequency, centre))
    s, a = 1j * w / c, 10 ** (gain / 40)
    # The bell's width is defined at its centre by sin(w)/2Q, and so is the warped one's.
    return float(20 * np.log10(abs((s * s + s * a / q + 1) / (s * s + s / (a * q) + 1))))


def test_pitches() -> None:
    assert [hertz(p) for p in (69, 57, 81, 60)] == pytest.approx([440, 220, 880, 261.6256])
    assert hertz(69.5) == pytest.approx(440 * 2 ** (1 / 24))


def test_decay_loses_60_db() -> None:
    envelope = decay(SAMPLE_RATE + 1, 0.5)
    assert envelope[0] == 1
    assert 20 * np.log10(envelope[SAMPLE_RATE // 2]) == pytest.approx(-60, abs=0.01)
    assert 20 * np.log10(envelope[SAMPLE_RATE]) == pytest.approx(-120, abs=0.01)


def test_gate_rises_holds_and_falls() -> None:
    envelope = gate(SAMPLE_RATE, 0.1, 0.2)
    attack, release = SAMPLE_RATE // 10, SAMPLE_RATE // 5
    assert envelope[0] == 0 and envelope[-1] == 0
    assert np.all(envelope[attack:-release] == 1)
    assert np.all(np.diff(envelope[:attack]) > 0) and np.all(np.diff(envelope[-release:]) < 0)
    assert envelope[attack // 2] == pytest.approx(0.5, abs=0.001)


@pytest.mark.parametrize("n", [0, 1, 7, 100])
def test_gate_of_a_sound_shorter_than_its_ends(n: int) -> None:
    envelope = gate(n, 0.1, 0.2)
    assert envelope.shape == (n,) and np.all((envelope >= 0) & (envelope <= 1))
    assert np.all(gate(n, 0.0, 0.0) == 1)


@pytest.mark.parametrize("frequency", [110.0, 1760.0, 5274.0])
def test_saw_is_in_tune_and_hardly_aliases(frequency: float) -> None:
    n = SAMPLE_RATE  # whole periods in a second, so every partial is one line
    x = saw(np.full(n, frequency))
    power = np.abs(np.fft.rfft(x)) ** 2
    lines = np.arange(1, int(SAMPLE_RATE / 2 / frequency) + 1) * int(frequency)
    first, second = power[lines[0]], power[lines[1]]
    # Partials fall as 1/k; softened jumps cost the highest notes a little treble.
    assert 10 * np.log10(first / second) == pytest.approx(6.0, abs=0.2 if frequency < 2000 else 1.5)
    between = power.copy()
    between[lines] = 0
    audible = between[:10000].sum()  # PolyBLEP leaves the top octave to itself
    assert 10 * np.log10(audible / power.sum()) < -38
    naive = np.abs(np.fft.rfft(2 * ((frequency * time_axis(n)) % 1) - 1)) ** 2
    naive[lines] = 0
    if frequency > 1000:
        assert audible < 0.1 * naive[:10000].sum()


def test_saw_starts_at_its_phase() -> None:
    steady = np.full(SAMPLE_RATE, 100.0)
    assert saw(steady, 0.25)[100] == pytest.approx(saw(steady)[100] + 0.5, abs=1e-9)


@pytest.mark.parametrize("order", [1, 2, 4])
def test_band_is_a_butterworth(order: int) -> None:
    for corner in (300.0, 2000.0):
        for frequency in (corner / 2, corner, 1.5 * corner, 3 * corner):
            x = sine(frequency)
            for high in (True, False):
                filtered = band(x, corner, None, order) if high else band(x, None, corner, order)
                expected = butterworth_db(frequency, corner, order, high=high)
                assert gain_db(x, filtered) == pytest.approx(expected, abs=0.1)


def test_band_joins_both_and_leaves_open_ends_alone() -> None:
    x = np.stack([sine(1000.0), sine(150.0)])
    np.testing.assert_allclose(band(x, 200.0, 800.0), band(band(x, 200.0, None), None, 800.0))
    assert band(x, None, None) is x
    assert band(x, None, 20000.0) is x  # too close to the end of the spectrum to build


@pytest.mark.parametrize(("gain", "q"), [(5.0, 0.5), (-5.0, 2.0), (9.0, 0.6), (0.0, 1.0)])
def test_peaking_is_a_bell(gain: float, q: float) -> None:
    # Below 2 kHz the digital bell is the analogue one, warped, to a tenth of a decibel.
    for centre in (170.0, 900.0):
        for frequency in (centre / 4, centre / 1.3, centre, 1.3 * centre, 4 * centre):
            x = sine(frequency)
            expected = bell_db(frequency, centre, gain, q)
            assert gain_db(x, peaking(x, centre, gain, q)) == pytest.approx(expected, abs=0.1)


def test_overdrive_keeps_quiet_sound_and_bends_loud_sound() -> None:
    quiet, loud = sine(500.0, level=1e-3), sine(500.0)
    assert gain_db(quiet, overdrive(quiet, 4.0)) == pytest.approx(0, abs=0.02)
    middle = slice(2000, -2000)  # a sine cut hard rings in the oversampling
    assert np.abs(overdrive(loud, 4.0)[middle]).max() == pytest.approx(np.tanh(4) / 4, rel=0.05)


def test_overdrive_hardly_aliases() -> None:
    """A 7 kHz tone has partials at 7 and 21 kHz; everything else is aliasing."""
    x = sine(7000.0, 1.0)

    def folded(y: Audio) -> float:
        power = np.abs(np.fft.rfft(y * np.hanning(len(y)))) ** 2
        real = [slice(7000 - 5, 7000 + 6), slice(21000 - 5, 21000 + 6)]
        return float(10 * np.log10(1 - sum(power[s].sum() for s in real) / power.sum()))

    without = folded(np.tanh(2.8 * x))
    assert folded(overdrive(x, 2.8)) < min(-80, without - 50)  # 9 dB, the most a stem gets


def test_overdrive_with_a_bias_brings_even_partials_and_keeps_silence() -> None:
    def second(bias: float) -> float:
        power = np.abs(
            np.fft.rfft(overdrive(sine(500.0, 1.0), 2.0, bias) * np.hanning(SAMPLE_RATE))
        )
        return float(20 * np.log10(power[1000] / power[500]))

    assert second(0.0) < -80 and second(0.4) > -30
    assert not overdrive(np.zeros((2, 1000)), 2.0, 0.4).any()


@pytest.mark.parametrize("n", [1, 5, 999])
def test_overdrive_keeps_the_shape(n: int) -> None:
    assert overdrive(np.ones((2, n)), 2.0).shape == (2, n)


@pytest.mark.parametrize("position", [-1.0, -0.3, 0.0, 0.8, 1.0])
def test_pan_keeps_the_power(position: float) -> None:
    x = np.linspace(-1, 1, 101)
    left, right = pan(x, position)
    np.testing.assert_allclose(left**2 + right**2, x**2, atol=1e-12)
    assert (
        np.sign((right**2).sum() - (left**2).sum()) == np.sign(round(position, 6)) or position == 0
    )
    if abs(position) == 1:
        assert np.abs((left, right)[position < 0]).max() < 1e-12


@pytest.mark.parametrize(("start", "expected"), [
    (0, [1, 2, 3, 0, 0]), (3, [0, 0, 0, 1, 2]), (4, [0, 0, 0, 0, 1]), (5, [0] * 5), (99, [0] * 5),
])  # fmt: skip
def test_add_at_cuts_at_the_end(start: int, expected: list[int]) -> None:
    out = np.zeros((2, 5))
    add_at(out, np.array([1.0, 2.0, 3.0]), start)
    np.testing.assert_array_equal(out, [expected, expected])


def test_room_adds_a_tail_of_its_seconds_and_level() -> None:
    n = 2 * SAMPLE_RATE
    click = np.zeros((2, n))
    click[:, 0] = 1
    tail = room(click, np.random.default_rng(1), t60=1.0, wet=0.25, high=5000.0) - click
    # The energy of the tail is that of the click, times wet squared, on each side.
    np.testing.assert_allclose((tail**2).sum(axis=1), 0.25**2, rtol=1e-6)
    slices = [10 * np.log10((tail[:, a : a + 4410] ** 2).mean()) for a in (4410, 26460)]
    assert slices[0] - slices[1] == pytest.approx(30, abs=2)  # half a second, half of 60 dB
    assert np.abs(tail[:, SAMPLE_RATE:]).max() < 1e-3 * np.abs(tail).max()
    assert abs(np.corrcoef(*tail).min()) < 0.05  # wide


def test_room_of_silence_is_silence_and_dry_is_dry() -> None:
    x = np.random.default_rng(0).standard_normal((2, 3000))
    rng = np.random.default_rng(1)
    assert not room(np.zeros((2, 3000)), rng, t60=0.5, wet=0.3, high=5000.0).any()
    np.testing.assert_array_equal(room(x, rng, t60=0.5, wet=0.0, high=5000.0), x)
