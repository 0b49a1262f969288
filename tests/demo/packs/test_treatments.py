"""Treatments: audible, moderate, and silent for silent stems."""

import numpy as np
import pytest

from demo.dsp import SAMPLE_RATE, Audio
from demo.packs.treatments import TREATMENTS, treat
from demo.score import STEMS

N = SAMPLE_RATE


def stem() -> Audio:
    """A pulsing tone with different channels and peak 1."""
    time = np.arange(N) / SAMPLE_RATE
    tone = np.sin(2 * np.pi * 300 * time) * (0.2 + (time % 0.25 < 0.02))
    x = np.stack([tone, 0.5 * tone + 0.2 * np.sin(2 * np.pi * 1700 * time)])
    x /= np.abs(x).max()
    return x


@pytest.mark.parametrize(
    ("kind", "name"), [(kind, name) for kind in STEMS for name in TREATMENTS[kind]]
)
def test_each_changes_the_sound_and_neither_its_length_nor_its_kind(kind: str, name: str) -> None:
    x = stem()
    kept = x.copy()
    y = TREATMENTS[kind][name][1](x, np.random.default_rng(0))
    assert y.shape == x.shape and np.isfinite(y).all()
    assert 0.05 < np.abs(y).max() < 20
    assert not np.allclose(y, x)
    np.testing.assert_array_equal(x, kept)


def test_shares_leave_room_for_stems_without() -> None:
    for kind in STEMS:
        assert 0.3 < sum(share for share, _ in TREATMENTS[kind].values()) < 0.8


def test_songs_get_all_of_them_and_tell_which() -> None:
    x = stem()[:, : N // 10]
    told = [treat(dict.fromkeys(STEMS, x), np.random.default_rng(seed))[1] for seed in range(150)]
    for kind in STEMS:
        words = {song[kind].split()[0] for song in told}
        assert words == {*TREATMENTS[kind], "none"}
    live = [song["bass"].split().count("live") for song in told]
    assert live == [song["vocals"].split().count("live") for song in told]
    assert 0.1 < np.mean(live) < 0.4


def test_silent_stems_stay_silent_and_the_same_seed_gives_the_same() -> None:
    dry = {"bass": np.zeros((2, N)), "drums": stem(), "other": stem(), "vocals": np.zeros((2, N))}
    for seed in range(5):
        one, told = treat(dry, np.random.default_rng(seed))
        again, _ = treat(dry, np.random.default_rng(seed))
        assert not one["bass"].any() and not one["vocals"].any()
        assert set(told) == {"drums", "other"}
        for kind in STEMS:
            np.testing.assert_array_equal(one[kind], again[kind])
