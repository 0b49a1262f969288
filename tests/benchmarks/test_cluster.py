"""The model of a run on many workers, in cases with a known answer."""

import pytest

from benchmarks.cluster import Model, fit


def test_workers_share_the_songs_the_longest_first() -> None:
    model = Model(fixed=1.0, per_second=0.5)
    assert model.seconds([10.0] * 4, 1, shared=True) == 24.0
    assert model.seconds([10.0] * 4, 2, shared=True) == 12.0
    assert model.seconds([10.0] * 5, 4, shared=True) == 12.0
    assert model.seconds([10.0] * 4, 16, shared=True) == 6.0
    # 40 to the first, 20 + 20 to the second: in another order it would take longer.
    assert model.seconds([20.0, 40.0, 20.0], 2, shared=True) == 22.0


def test_without_a_shared_folder_the_client_s_network_is_a_floor() -> None:
    slow = Model(fixed=0.0, per_second=0.1, link=1e6)
    bytes_of_all = 5 * 4 * 44100 * 100.0
    assert slow.seconds([10.0] * 10, 10, shared=True) == pytest.approx(1.0)
    assert slow.seconds([10.0] * 10, 10, shared=False) == pytest.approx(bytes_of_all / 1e6)


def test_a_fit_finds_the_model_that_made_the_seconds() -> None:
    durations = [10.0, 20.0, 35.0]
    found = fit(durations, [2.0 + 0.25 * duration for duration in durations])
    assert (found.fixed, found.per_second) == pytest.approx((2.0, 0.25))
