"""Progressions and walks of the two splits differ, and no walk gets stuck."""

from itertools import pairwise

import numpy as np
import pytest

from demo.composer.progressions import PROGRESSIONS, WALK_BARS, WALKS
from demo.composer.song import _walk
from tests.demo.composer.songs import songs


def loop(progression: str) -> tuple[str, ...]:
    """The period of a repeated progression, rotated to a canonical start."""
    chords = progression.split()
    n = len(chords)
    period = next(p for p in range(1, n + 1) if n % p == 0 and chords[:p] * (n // p) == chords)
    return min(tuple(chords[k:period] + chords[:k]) for k in range(period))


def test_the_same_loop_is_known_wherever_it_starts() -> None:
    assert (
        loop("I V vi IV") == loop("vi IV I V") == loop("IV I V vi IV I V vi") != loop("I IV V vi")
    )


@pytest.mark.parametrize("mode", PROGRESSIONS)
def test_splits_share_no_progression(mode: str) -> None:
    train, test = (PROGRESSIONS[mode][split] for split in ("train", "test"))
    assert len(set(train)) == len(train) >= 10 and len(set(test)) == len(test) >= 5
    assert not {loop(one) for one in train} & {loop(one) for one in test}


@pytest.mark.parametrize("mode", WALKS)
def test_walks_never_get_stuck_and_reach_every_chord(mode: str) -> None:
    graph = WALKS[mode]
    first = next(iter(graph))
    reached = {first}
    for _ in graph:
        reached |= {there for here in reached for there in graph[here]}
    assert reached == set(graph)
    assert all(here not in there for here, there in graph.items())  # a walk moves


def test_walks_of_the_splits_have_other_lengths() -> None:
    known = {
        split: {p for mode in PROGRESSIONS.values() for p in mode[split]} for split in WALK_BARS
    }
    lengths = {
        split: [len(x.progression.split()) for x in songs(split, 150)
                if x.progression not in known[split]]
        for split in WALK_BARS
    }  # fmt: skip
    assert all(len(found) > 8 for found in lengths.values())  # about 15 % of the songs
    assert {split: set(found) for split, found in lengths.items()} == {
        split: {bars} for split, bars in WALK_BARS.items()
    }
    fixed = {len(p.split()) for p in known["train"] | known["test"]}
    assert not fixed & set(WALK_BARS.values()) and len(set(WALK_BARS.values())) == 2


@pytest.mark.parametrize("mode", WALKS)
def test_the_splits_share_no_walk(mode: str) -> None:
    """Also, no walk has a shorter period or follows a known progression."""
    loops: dict[str, set[tuple[str, ...]]] = {}
    for split, bars in WALK_BARS.items():
        rng = np.random.default_rng(5)
        walks = [_walk(rng, WALKS[mode], bars) for _ in range(1000)]
        assert all(there in WALKS[mode][here] for w in walks for here, there in pairwise(w))
        found = [loop(" ".join(walk)) for walk in walks]
        assert {len(one) for one in found} == {bars}
        loops[split] = set(found)
        assert len(loops[split]) > 100
    assert not loops["train"] & loops["test"]
    known = {loop(one) for split in PROGRESSIONS[mode].values() for one in split}
    assert not known & (loops["train"] | loops["test"])


@pytest.mark.parametrize("bars", WALK_BARS.values())
def test_a_repeating_walk_is_drawn_again(bars: int) -> None:
    """Half of the walks here go to and fro, which is a shorter period."""
    rng = np.random.default_rng(0)
    ways = {"I": ("V", "IV"), "V": ("I",), "IV": ("I",)}
    found = {" ".join(_walk(rng, ways, bars)) for _ in range(300)}
    assert all(len(loop(one)) == bars for one in found)
    repeating = {8: 4, 6: 2}[bars]  # of the 2 ** (bars / 2) walks there are
    assert len(found) == 2 ** (bars // 2) - repeating


def test_progressions_of_composed_songs_are_disjoint_and_varied() -> None:
    found = {
        split: {(x.mode, loop(x.progression)) for x in songs(split, 150)} for split in WALK_BARS
    }
    assert not found["train"] & found["test"]
    assert len(found["train"]) > 25 and len(found["test"]) > 15
