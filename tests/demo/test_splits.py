"""A palette draws from all positions of its split, only from those, and records its draws."""

from itertools import pairwise

import numpy as np
import pytest

from demo.splits import BANDS, SPLIT_IDS, Palette

TABLE = {"train": ("a", "b", "c"), "test": ("x", "y")}


def palette(split: str, seed: int = 0) -> Palette:
    return Palette(split, np.random.default_rng(seed))


def test_places_of_the_splits_do_not_touch() -> None:
    places = sorted((a, b, split) for split, bands in BANDS.items() for a, b in bands)
    assert all(end < start for (_, end, _), (start, _, _) in pairwise(places))
    train = [place for place in places if place[2] == "train"]
    # Every test place lies between training places.
    assert train[0][0] == 0.0 and train[-1][1] == 1.0
    assert set(SPLIT_IDS) == set(BANDS)


@pytest.mark.parametrize("split", SPLIT_IDS)
@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (-8.0, 8.0), (15000.0, 17000.0), (3.0, 1.0)])
def test_draws_stay_in_their_places_and_cover_them(split: str, low: float, high: float) -> None:
    drawn = palette(split)
    places = np.array([(drawn.draw("x", low, high) - low) / (high - low) for _ in range(4000)])
    inside = np.array([[a - 1e-9 <= p <= b + 1e-9 for a, b in BANDS[split]] for p in places])
    assert inside.any(axis=1).all()
    widths = np.array([b - a for a, b in BANDS[split]])
    # Bands are used as often as they are wide, each from end to end.
    assert inside.mean(axis=0) == pytest.approx(widths / widths.sum(), abs=0.03)
    for a, b in BANDS[split]:
        hist, _ = np.histogram(places, bins=5, range=(a, b))
        assert hist.min() > 0.7 * hist.mean()


def test_draw_all_draws_each_and_records_it() -> None:
    drawn = palette("train", 3)
    knobs = drawn.draw_all("bass", {"tone": (100.0, 200.0), "drive": (0.0, 9.0)})
    assert list(knobs) == ["tone", "drive"]
    assert set(drawn.values) == {"bass.tone", "bass.drive"}
    for name, (low, high) in {"tone": (100.0, 200.0), "drive": (0.0, 9.0)}.items():
        record = drawn.values[f"bass.{name}"]
        assert record["value"] == pytest.approx(knobs[name], abs=1e-5)
        assert low + record["place"] * (high - low) == pytest.approx(knobs[name], abs=1e-3)


@pytest.mark.parametrize(("low", "high"), [(92, 128), (60, 85), (68, 91), (140, 190)])
def test_tempos_are_even_in_train_and_odd_in_test(low: int, high: int) -> None:
    tempos = {}
    for split, parity in SPLIT_IDS.items():
        drawn = palette(split)
        tempos[split] = {drawn.tempo(low, high) for _ in range(2000)}
        assert {tempo % 2 for tempo in tempos[split]} == {parity}
        assert low <= min(tempos[split]) <= low + 1 and high - 4 < max(tempos[split]) < high
        assert len(tempos[split]) == len(range(low // 2, high // 2))  # every one of them
    assert not tempos["train"] & tempos["test"]


def test_tonics_are_six_for_each_split() -> None:
    tonics = {}
    for split in SPLIT_IDS:
        drawn = palette(split)
        tonics[split] = {drawn.tonic() for _ in range(300)}
    assert tonics == {"train": {0, 2, 4, 6, 8, 10}, "test": {1, 3, 5, 7, 9, 11}}


@pytest.mark.parametrize("split", SPLIT_IDS)
def test_choose_takes_the_splits_own_and_records_it(split: str) -> None:
    drawn = palette(split)
    chosen = [drawn.choose("colour", TABLE) for _ in range(200)]
    assert set(chosen) == set(TABLE[split])
    assert drawn.choices == {"colour": chosen[-1]}


def test_same_stream_same_draws() -> None:
    def draws(seed: int) -> list[object]:
        x = palette("train", seed)
        return [x.draw("a", 0, 1), x.tempo(60, 120), x.tonic(), x.choose("b", TABLE)]

    assert draws(5) == draws(5) != draws(6)
