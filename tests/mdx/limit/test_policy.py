"""The limit of a song: how it is told, which rung fits, and when the one at work is given up."""

from dataclasses import replace

import pytest

from mdx.errors import ConfigError
from mdx.limit.policy import MARGIN, REST, Deadline, Limit, StepDown, parse_limit
from mdx.systems.spec import LAST_RESORT, SAMPLE_RATE, SOURCES, Rung

RUNGS = (Rung("float32"), Rung("int8"), Rung("int8", sources=("vocals",)), LAST_RESORT)
COSTS = {
    (kind, source): cost for kind, cost in (("float32", 2.0), ("int8", 0.5)) for source in SOURCES
}
STEPS = dict.fromkeys(SOURCES, 5 * SAMPLE_RATE)


class Clock:
    """A clock that the test sets."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("text", "duration", "seconds"),
    [
        ("fixed:240", 100, 240),
        ("240", 100, 240),
        (" 0.5 ", 100, 0.5),
        ("ratio:1.57", 100, 157),
        ("ratio:2", 30, 60),
        ("none", 100, None),
    ],
)
def test_limits_are_policies(text: str, duration: float, seconds: float | None) -> None:
    assert parse_limit(text).seconds(duration) == pytest.approx(seconds)


def test_a_limit_prints_as_it_is_read() -> None:
    for limit in (Limit(), Limit("fixed", 240.0), Limit("ratio", 1.57)):
        assert parse_limit(str(limit)) == limit


@pytest.mark.parametrize(
    "text",
    ["", "fixed", "fixed:", "fixed:0", "-3", "ratio:x", "nan", "inf", "times:3", ":5", "none:1"],
)
def test_other_limits_are_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"MDX_LIMIT: got '.*', expected fixed:SECONDS"):
        parse_limit(text, "MDX_LIMIT")


def make(seconds: float, clock: Clock) -> Deadline:
    return Deadline(seconds, RUNGS, COSTS, STEPS, started=clock.now, clock=clock)


# One minute of song: 12 chunks of each source, 96 s in float32, 24 s in int8, 6 s for the vocals.
@pytest.mark.parametrize(
    ("seconds", "rung"),
    [
        ((96 + 60 * REST) * MARGIN / 0.9 + 0.01, 0),
        ((96 + 60 * REST) * MARGIN / 0.9 - 0.01, 1),
        ((24 + 60 * REST) * MARGIN / 0.9 + 0.01, 1),
        ((24 + 60 * REST) * MARGIN / 0.9 - 0.01, 2),
        ((6 + 60 * REST) * MARGIN / 0.9 + 0.01, 2),
        ((6 + 60 * REST) * MARGIN / 0.9 - 0.01, 3),
        (0.001, 3),
    ],
)
def test_the_best_rung_that_fits_is_chosen(seconds: float, rung: int) -> None:
    deadline = make(seconds, Clock())
    assert deadline.begin(60 * SAMPLE_RATE) is RUNGS[rung]
    (decision,) = deadline.summary()["decisions"]
    assert (decision["index"], decision["position"]) == (rung, 0)
    reasons = ["it fits", "the first that fits", "the first that fits", "nothing better fits"]
    assert decision["reason"] == reasons[rung]


def test_time_that_went_before_counts() -> None:
    clock = Clock()
    deadline = make(130, clock)
    clock.now += 60
    assert deadline.begin(60 * SAMPLE_RATE) is RUNGS[1]


def work(deadline: Deadline, clock: Clock, source: str, seconds: float) -> None:
    deadline.before_chunk()
    clock.now += seconds
    deadline.after_chunk(source)


def test_a_slower_machine_is_believed_at_the_second_slow_chunk() -> None:
    clock = Clock()
    deadline = make(200, clock)
    deadline.begin(60 * SAMPLE_RATE)
    work(deadline, clock, "bass", 8)
    assert deadline.slowness == 1
    work(deadline, clock, "drums", 8)
    assert deadline.slowness == 2.5  # the mean of all but the slowest: 1 and 4
    with pytest.raises(StepDown):  # 46 chunks of 5 s are to come
        deadline.before_chunk()
    assert deadline.begin(60 * SAMPLE_RATE, 0) is RUNGS[1]  # 48 chunks of 2.5 * 0.5 s
    assert deadline.summary()["decisions"][1]["slowness"] == 2.5
    for _ in range(4):
        work(deadline, clock, "bass", 0.5)
    assert deadline.slowness == 1  # it is fast again


def test_a_single_hiccup_is_not_taken_for_a_slow_machine() -> None:
    clock = Clock()
    deadline = make(200, clock)
    deadline.begin(60 * SAMPLE_RATE)
    work(deadline, clock, "bass", 40)
    for source in ("drums", "other", "vocals"):
        work(deadline, clock, source, 2)
    deadline.before_chunk()


def test_a_freeze_that_takes_too_much_is_made_up_for_below() -> None:
    clock = Clock()
    deadline = make(200, clock)
    deadline.begin(60 * SAMPLE_RATE)
    work(deadline, clock, "bass", 120)
    with pytest.raises(StepDown):
        deadline.before_chunk()


def test_the_last_resort_is_never_given_up() -> None:
    clock = Clock()
    deadline = make(1, clock)
    assert deadline.begin(60 * SAMPLE_RATE) is LAST_RESORT
    clock.now += 50
    deadline.before_chunk()
    assert deadline.summary()["seconds"] == 50


def test_the_forecast_shrinks_with_every_chunk() -> None:
    clock = Clock()
    deadline = make(1000, clock)
    deadline.begin(10 * SAMPLE_RATE)
    assert deadline.forecast() == pytest.approx(16 + 10 * REST)
    for source in SOURCES:
        work(deadline, clock, source, 2)
    assert deadline.forecast() == pytest.approx(8 + 5 * REST)


def test_both_polarities_cost_twice() -> None:
    clock = Clock()
    rungs = (Rung(both_polarities=True), LAST_RESORT)
    deadline = Deadline(1000, rungs, COSTS, STEPS, started=clock.now, clock=clock)
    deadline.begin(10 * SAMPLE_RATE)
    assert deadline.forecast() == pytest.approx(32 + 10 * REST)


def test_a_call_may_have_several_chunks() -> None:
    clock = Clock()
    deadline = make(1000, clock)
    deadline.begin(10 * SAMPLE_RATE)
    for source in SOURCES:
        deadline.before_chunk()
        clock.now += 6
        deadline.after_chunk(source, count=2, share=0.5)  # of which one would take 2 whole
    assert deadline.slowness == pytest.approx(2.5)  # the mean of four times 3 and the first 1
    assert deadline.forecast() == pytest.approx(0)


def test_silent_chunks_are_not_waited_for() -> None:
    clock = Clock()
    deadline = make(1000, clock)
    deadline.begin(10 * SAMPLE_RATE)
    for source in SOURCES:
        deadline.skip_chunk(source)
    assert deadline.forecast() == pytest.approx(8 + 5 * REST)
    assert deadline.slowness == 1


def test_a_policy_may_be_capped() -> None:
    limit = replace(parse_limit("ratio:1.57"), most=240.0)
    assert limit.seconds(100) == pytest.approx(157)
    assert limit.seconds(430) == 240
    assert replace(Limit(), most=240.0).seconds(430) is None
