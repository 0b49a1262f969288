"""The choice of a quality level under a limit, and when a song falls back."""

from typing import Any

import pytest

from mdx.estimators.protocol import Geometry
from mdx.limit.deadline import CLOSING, MARGIN, OVERHEAD, Deadline, TooSlow
from mdx.systems.spec import LAST_RESORT, SAMPLE_RATE, SOURCES, QualityLevel

LEVELS = (
    QualityLevel("float32", estimators=SOURCES),
    QualityLevel("int8", estimators=SOURCES),
    QualityLevel("int8", estimators=("vocals",)),
    LAST_RESORT,
)
COSTS = {
    (kind, source): cost for kind, cost in (("float32", 2.0), ("int8", 0.5)) for source in SOURCES
}
FIVE_SECONDS = Geometry(5 * SAMPLE_RATE, 5 * SAMPLE_RATE)
GEOMETRIES = [dict.fromkeys(level.estimators or (), FIVE_SECONDS) for level in LEVELS]


class Clock:
    """A clock set by the test."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def make(seconds: float, clock: Clock, **options: Any) -> Deadline:
    return Deadline(
        seconds, LEVELS, COSTS, GEOMETRIES, started=clock.now, clock=clock, **options
    )  # fmt: skip


# One minute of song: 12 segments of each source, 96 s in float32, 24 s in int8, 6 s for the vocals.
@pytest.mark.parametrize(
    ("seconds", "level"),
    [
        ((96 + 60 * OVERHEAD + CLOSING) * MARGIN / 0.9 + 0.01, 0),
        ((96 + 60 * OVERHEAD + CLOSING) * MARGIN / 0.9 - 0.01, 1),
        ((24 + 60 * OVERHEAD + CLOSING) * MARGIN / 0.9 + 0.01, 1),
        ((24 + 60 * OVERHEAD + CLOSING) * MARGIN / 0.9 - 0.01, 2),
        ((6 + 60 * OVERHEAD + CLOSING) * MARGIN / 0.9 + 0.01, 2),
        ((6 + 60 * OVERHEAD + CLOSING) * MARGIN / 0.9 - 0.01, 3),
        (0.001, 3),
    ],
)
def test_the_best_level_that_fits_is_chosen(seconds: float, level: int) -> None:
    deadline = make(seconds, Clock())
    assert deadline.begin(60 * SAMPLE_RATE) is LEVELS[level]
    (decision,) = deadline.summary()["decisions"]
    assert (decision["index"], decision["position"]) == (level, 0)
    reasons = ["it fits", "the first that fits", "the first that fits", "nothing better fits"]
    assert decision["reason"] == reasons[level]


def test_time_that_went_before_counts() -> None:
    clock = Clock()
    deadline = make(130, clock)
    clock.now += 60
    assert deadline.begin(60 * SAMPLE_RATE) is LEVELS[1]


def work(deadline: Deadline, clock: Clock, source: str, seconds: float) -> None:
    deadline.before_segment(source)
    clock.now += seconds
    deadline.after_segment(source, count=1, share=1.0)


def test_a_slower_machine_is_believed_at_the_second_slow_segment() -> None:
    clock = Clock()
    deadline = make(200, clock)
    deadline.begin(60 * SAMPLE_RATE)
    work(deadline, clock, "bass", 8)
    assert deadline.slowness == 1
    work(deadline, clock, "drums", 8)
    assert deadline.slowness == 2.5  # the mean of all but the slowest: 1 and 4
    with pytest.raises(TooSlow):  # 46 segments of 5 s are to come
        deadline.before_segment("bass")
    assert deadline.begin(60 * SAMPLE_RATE, 0) is LEVELS[1]  # 48 segments of 2.5 * 0.5 s
    assert deadline.summary()["decisions"][1]["slowness"] == 2.5
    for _ in range(4):
        work(deadline, clock, "bass", 0.5)
    assert deadline.slowness == 1  # it is fast again


def test_a_single_slow_segment_does_not_count_as_a_slow_machine() -> None:
    clock = Clock()
    deadline = make(200, clock)
    deadline.begin(60 * SAMPLE_RATE)
    work(deadline, clock, "bass", 40)
    for source in ("drums", "other", "vocals"):
        work(deadline, clock, source, 2)
    deadline.before_segment("bass")


def test_a_freeze_that_takes_too_much_is_made_up_for_below() -> None:
    clock = Clock()
    deadline = make(200, clock)
    deadline.begin(60 * SAMPLE_RATE)
    work(deadline, clock, "bass", 87)
    with pytest.raises(TooSlow):  # 47 segments of 2 s and 93 s are left
        deadline.before_segment("bass")
    assert deadline.begin(60 * SAMPLE_RATE, 0) is LEVELS[1]


def test_what_one_segment_lost_the_next_may_lose_as_well() -> None:
    clock = Clock()
    deadline = make(100, clock)
    deadline.begin(20 * SAMPLE_RATE)  # 16 segments of 2 s
    work(deadline, clock, "bass", 40)  # 38 more than its cost
    clock.now += 11.9
    deadline.before_segment("drums")  # 38.1 s are left
    clock.now += 0.2
    with pytest.raises(TooSlow):
        deadline.before_segment("drums")
    assert deadline.begin(20 * SAMPLE_RATE, 0) is LAST_RESORT  # at no level it would lose less


def test_what_a_segment_lost_is_forgotten_after_five() -> None:
    clock = Clock()
    deadline = make(100, clock)
    deadline.begin(20 * SAMPLE_RATE)
    work(deadline, clock, "bass", 40)
    for source in ("drums", "other", "vocals", "bass", "drums"):
        work(deadline, clock, source, 2)
    clock.now += 9.9
    deadline.before_segment("other")  # 30.1 s are left for 20.6 s of work


def test_the_summary_counts_all_seconds_since_the_start() -> None:
    clock = Clock()
    deadline = make(1, clock)
    assert deadline.begin(60 * SAMPLE_RATE) is LAST_RESORT
    clock.now += 50
    assert deadline.summary()["seconds"] == 50


def test_the_forecast_shrinks_with_every_segment() -> None:
    clock = Clock()
    deadline = make(1000, clock)
    deadline.begin(10 * SAMPLE_RATE)
    assert deadline.forecast() == pytest.approx(16 + 10 * OVERHEAD + CLOSING)
    for source in SOURCES:
        work(deadline, clock, source, 2)
    assert deadline.forecast() == pytest.approx(8 + 5 * OVERHEAD + CLOSING)


def test_both_polarities_cost_twice() -> None:
    clock = Clock()
    levels = (QualityLevel(both_polarities=True, estimators=SOURCES), LAST_RESORT)
    geometries = [GEOMETRIES[0], {}]
    deadline = Deadline(1000, levels, COSTS, geometries, started=clock.now, clock=clock)
    deadline.begin(10 * SAMPLE_RATE)
    assert deadline.forecast() == pytest.approx(32 + 10 * OVERHEAD + CLOSING)
    once = {"vocals", "bass"}  # magnitudes, for instance
    deadline = Deadline(1000, levels, COSTS, geometries, started=clock.now, clock=clock, once=once)
    deadline.begin(10 * SAMPLE_RATE)
    assert deadline.forecast() == pytest.approx(24 + 10 * OVERHEAD + CLOSING)


def test_time_for_encoding_is_left_until_the_end() -> None:
    clock = Clock()
    deadline = make(100, clock, encoding=30.0)
    assert deadline.begin(10 * SAMPLE_RATE) is LEVELS[0]  # 16 s of networks
    for source in SOURCES * 2:
        work(deadline, clock, source, 2)
    assert deadline.forecast() == pytest.approx(30 + CLOSING)
    late = make(50, clock, encoding=30.0)
    assert late.begin(10 * SAMPLE_RATE) is LEVELS[1]


def test_a_filter_counts_where_it_runs() -> None:
    clock = Clock()
    costs = {**COSTS, ("float32", "wiener"): 0.3, ("int8", "wiener"): 0.3}
    last = {"wiener": Geometry(6 * SAMPLE_RATE, 5 * SAMPLE_RATE, nested=False)}
    geometries = [{**own, **(last if len(own) == 4 else {})} for own in GEOMETRIES]
    deadline = Deadline(1000, LEVELS, costs, geometries, started=clock.now, clock=clock)
    for networks, filters in ((16, 2), (4, 2), (1, 0)):
        deadline.begin(11 * SAMPLE_RATE)  # two segments of the filter, three of each network
        assert deadline.forecast() == pytest.approx(
            networks * 1.5 + filters * 0.3 + 11 * OVERHEAD + CLOSING
        )
    for _ in range(3):
        deadline.skip_segment("vocals", count=1)
    assert deadline.forecast() == CLOSING


def test_the_last_seconds_wait_for_the_filter() -> None:
    clock = Clock()
    costs = {("float32", "vocals"): 1.0, ("float32", "wiener"): 1.0}
    geometries = [dict.fromkeys(("vocals", "wiener"), FIVE_SECONDS), {}]
    levels = (QualityLevel(estimators=("vocals",)), LAST_RESORT)
    deadline = Deadline(10, levels, costs, geometries, started=clock.now, clock=clock)
    deadline.begin(5 * SAMPLE_RATE)
    work(deadline, clock, "vocals", 1)
    clock.now += 8
    with pytest.raises(TooSlow):
        deadline.before_segment("wiener")


def test_a_call_may_have_several_segments() -> None:
    clock = Clock()
    deadline = make(1000, clock)
    deadline.begin(10 * SAMPLE_RATE)
    for source in SOURCES:
        deadline.before_segment("bass")
        clock.now += 6
        deadline.after_segment(source, count=2, share=0.5)  # of which one would take 2 whole
    assert deadline.slowness == pytest.approx(2.5)  # the mean of four times 3 and the first 1
    assert deadline.forecast() == pytest.approx(2.5 * CLOSING)


def test_silent_segments_are_not_waited_for() -> None:
    clock = Clock()
    deadline = make(1000, clock)
    deadline.begin(10 * SAMPLE_RATE)
    for source in SOURCES:
        deadline.skip_segment(source, count=1)
    assert deadline.forecast() == pytest.approx(8 + 5 * OVERHEAD + CLOSING)
    assert deadline.slowness == 1
