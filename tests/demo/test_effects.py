"""Effects match their formulas, and the limiter lets no peak through."""

import numpy as np
import pytest

from demo.dsp import SAMPLE_RATE, Audio, time_axis
from demo.effects import chorus, compress, duck, echo, limiter_gain

BLOCK = 64 / SAMPLE_RATE  # seconds: the resolution of gains


def steady(level: float, seconds: float = 2.0, frequency: float = 2000.0) -> Audio:
    """A stereo sine."""
    x = level * np.sin(2 * np.pi * frequency * time_axis(int(seconds * SAMPLE_RATE)))
    return np.stack([x, x])


def click(n: int, at: int, level: float = 1.0) -> Audio:
    x = np.zeros((2, n))
    x[:, at] = level
    return x


def gains(x: Audio, **knobs: float) -> Audio:
    """The compressor's gain at every sample of a signal without zeros."""
    settings = {"threshold": 0.25, "ratio": 4.0, "attack": 0.01, "release": 0.1} | knobs
    out: Audio = (compress(x, **settings) / x)[0]
    return out


@pytest.mark.parametrize(("threshold_db", "ratio"), [(-14, 4.0), (-4, 1.5), (-10, 2.0), (-12, 1.0)])
@pytest.mark.parametrize("level_db", [-30, -14, -6, 0])
def test_static_curve(threshold_db: float, ratio: float, level_db: float) -> None:
    """After the attack, a level of L dB becomes T + (L - T) / ratio, or L below T."""
    x = np.full((2, SAMPLE_RATE), 10 ** (level_db / 20))
    out = compress(x, threshold=10 ** (threshold_db / 20), ratio=ratio, attack=0.01, release=0.1)
    above = max(level_db - threshold_db, 0)
    expected = min(level_db, threshold_db) + above / ratio
    assert 20 * np.log10(out[0, -1]) == pytest.approx(expected, abs=0.01)
    np.testing.assert_array_equal(out[0], out[1])


def test_quiet_sound_passes_untouched() -> None:
    x = steady(0.2)
    np.testing.assert_array_equal(
        compress(x, threshold=0.25, ratio=8.0, attack=0.002, release=0.1), x
    )


@pytest.mark.parametrize(("attack", "release"), [(0.005, 0.06), (0.03, 0.25)])
def test_time_constants(attack: float, release: float) -> None:
    """The level follower reaches 1 - 1/e of a jump in `attack` and 1/e in `release`."""
    half = SAMPLE_RATE
    x = np.concatenate([np.full((2, half), 1.0), np.full((2, half), 1e-6)], axis=1)
    gain = gains(x, threshold=0.001, ratio=2.0, attack=attack, release=release)
    level = 0.001 * gain**-2.0  # from gain = (level / threshold) ** (1 / ratio - 1)
    after = int((attack - BLOCK / 2) * SAMPLE_RATE)  # gains stand in the middle of their block
    assert level[after] == pytest.approx(1 - np.exp(-1), abs=0.02)
    assert level[after // 3] < level[after] < level[3 * after] < 1
    fallen = half + int((release - BLOCK / 2) * SAMPLE_RATE)
    assert level[fallen] == pytest.approx(np.exp(-1), abs=0.02)


def test_one_side_turns_down_both() -> None:
    x = np.stack([np.full(SAMPLE_RATE, 1.0), np.full(SAMPLE_RATE, 0.01)])
    out = compress(x, threshold=0.1, ratio=4.0, attack=0.005, release=0.1)
    np.testing.assert_allclose(out[0] / x[0], out[1] / x[1])
    assert out[0, -1] < 0.2


def test_duck_is_deepest_at_the_start_and_back_in_time() -> None:
    x = np.ones((2, 2 * SAMPLE_RATE))
    out = 20 * np.log10(duck(x, [0.5, 1.5], depth_db=6.0, seconds=0.2))
    for start in (0.5, 1.5):
        first = int(start * SAMPLE_RATE)
        around = out[0, first - 500 : first + 1000]
        assert around.min() == pytest.approx(-6, abs=0.1)
        # Half way back in time, 1 - 0.5 ** 1.5 of the depth is left.
        assert out[0, first + SAMPLE_RATE // 10] == pytest.approx(-6 * (1 - 0.5**1.5), abs=0.05)
        assert np.abs(out[:, first + SAMPLE_RATE // 5 + 200 : first + 20000]).max() < 1e-9
        assert np.abs(out[:, first - 20000 : first - 200]).max() < 1e-9
    assert np.abs(np.diff(out[0])).max() < 0.05  # dB from sample to sample: no click


@pytest.mark.parametrize("starts", [[], [5.0], [0.0], [1.9999, 2.0], [0.5, 0.55, 0.6]])
def test_duck_at_the_edges(starts: list[float]) -> None:
    x = np.ones((2, 2 * SAMPLE_RATE))
    out = duck(x, starts, depth_db=6.0, seconds=0.2)
    assert out.shape == x.shape and out.max() <= 1 + 1e-9 and out.min() >= 10 ** (-6 / 20) - 1e-9
    heard = [start for start in starts if start < 1.99]
    assert (out.min() < 0.6) == bool(heard)


def test_echoes_come_in_time_get_weaker_and_change_sides() -> None:
    n = SAMPLE_RATE
    x = click(n, 100)
    x[1] = 0
    out = echo(x, seconds=0.2, gain=0.25)
    expected = np.zeros((2, n))
    for count in range(5):
        expected[count % 2, 100 + int(count * 0.2 * SAMPLE_RATE)] += 0.25**count
    np.testing.assert_allclose(out, expected, atol=1e-12)


def test_echoes_longer_than_the_song_are_cut() -> None:
    x = steady(0.5, 0.3)
    np.testing.assert_array_equal(echo(x, seconds=0.5, gain=0.5), x)
    assert echo(x, seconds=0.1, gain=0.5).shape == x.shape


def test_chorus_keeps_the_energy_roughly_and_widens() -> None:
    x = np.random.default_rng(0).standard_normal((1, 2 * SAMPLE_RATE)).repeat(2, axis=0)
    out = chorus(x, rate=0.7, depth=0.002, wet=0.6)
    assert 10 * np.log10((out**2).mean() / (x**2).mean()) == pytest.approx(1.0, abs=0.6)
    assert 0.6 < np.corrcoef(*out).min() < 0.95


@pytest.mark.parametrize("depth", [0.0005, 0.004])
def test_chorus_delays_by_its_sway(depth: float) -> None:
    """The copy of a click is 12 ms late, plus or minus the depth, and differs by channel."""
    n = 3 * SAMPLE_RATE
    late = []
    for at in range(5000, n - 5000, 9000):
        x = click(n, at)
        copy = np.abs(chorus(x, rate=0.5, depth=depth, wet=1.0) - x)
        late.append(copy.argmax(axis=1) - at)
    seconds = np.array(late) / SAMPLE_RATE
    assert np.all(np.abs(seconds - 0.012) <= depth + 1e-4)
    assert np.ptp(seconds[:, 0]) > 1.2 * depth
    assert np.abs(seconds[:, 0] - seconds[:, 1]).max() > 0.8 * depth


def limited(x: Audio, ceiling: float) -> Audio:
    out: Audio = x * limiter_gain(x, ceiling)
    return out


@pytest.mark.parametrize("seed", range(40))
def test_limiter_lets_no_peak_through(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 20000))
    x = rng.standard_normal((2, n)) * rng.choice([0.1, 1.0, 5.0])
    spikes = rng.integers(n, size=int(rng.integers(0, 30)))
    x[rng.integers(2, size=len(spikes)), spikes] *= rng.uniform(1, 100, len(spikes))
    ceiling = float(rng.uniform(0.1, 1.0))
    assert np.abs(limited(x, ceiling)).max() <= ceiling * (1 + 1e-9), (seed, n, ceiling)


@pytest.mark.parametrize("n", [1, 63, 64, 65, 640, 4096, 4100])
def test_limiter_catches_peaks_everywhere(n: int) -> None:
    """This includes the very start and end, and both sides of a block boundary."""
    for at in {0, 1, 62, 63, 64, 65, 127, 128, n // 2, n - 2, n - 1} & set(range(n)):
        x = click(n, at, 20.0)
        assert np.abs(limited(x, 0.985)).max() <= 0.985 * (1 + 1e-9), (n, at)


def test_limiter_leaves_quiet_sound_alone() -> None:
    np.testing.assert_array_equal(limiter_gain(steady(0.9), 0.985), 1.0)
    np.testing.assert_array_equal(limiter_gain(np.zeros((2, 1000)), 0.985), 1.0)


def test_limiter_is_local_smooth_and_ready_before_the_peak() -> None:
    n, at = SAMPLE_RATE, SAMPLE_RATE // 2
    x = click(n, at, 3.0)
    gain = limiter_gain(x, 0.9)
    away = np.abs(np.arange(n) - at) > 0.032 * SAMPLE_RATE
    np.testing.assert_allclose(gain[away], 1.0, atol=1e-12)
    assert gain[at] == pytest.approx(0.3, abs=0.01)  # no lower than it needs to be
    assert gain[at - 64] == pytest.approx(0.3, abs=0.01)
    assert np.abs(np.diff(gain)).max() < 0.7 / (0.010 * SAMPLE_RATE)  # takes over ten milliseconds


def test_limited_parts_sum_to_the_limited_whole() -> None:
    rng = np.random.default_rng(3)
    parts = rng.standard_normal((4, 2, 30000))
    gain = limiter_gain(parts.sum(axis=0), 0.5)
    assert gain.shape == (30000,)
    np.testing.assert_allclose((parts * gain).sum(axis=0), parts.sum(axis=0) * gain, atol=1e-12)
