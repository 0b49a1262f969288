"""When a network's call is broken off: once nothing but the last level can still be in time."""

from dataclasses import replace
from typing import Any

import pytest

from mdx.limit.deadline import CLOSING, EVIDENCE, FILES, Deadline, TooSlow
from mdx.systems.spec import LAST_RESORT, SAMPLE_RATE
from tests.mdx.limit.test_deadline import COSTS, GEOMETRIES, LEVELS, Clock, make


def start(
    seconds: float, song: float, *, before: float = 0.0, **options: Any
) -> tuple[Deadline, Clock]:
    """A song whose first segment of 2 s has begun, with so many seconds passed before."""
    clock = Clock()
    deadline = make(seconds, clock, **options)
    deadline.begin(int(song * SAMPLE_RATE))
    clock.now += before
    deadline.before_segment("bass")
    return deadline, clock


def look(deadline: Deadline, clock: Clock, seconds: float, each: float = 0.1) -> float:
    """Look at the clock while a segment lasts; returns how long it lasted until it was too slow."""
    for turn in range(round(seconds / each)):
        clock.now += each
        try:
            deadline.during_segment()
        except TooSlow:
            return (turn + 1) * each
    return seconds


def test_a_segment_is_broken_off_when_only_the_last_level_is_still_in_time() -> None:
    deadline, clock = start(100, 20)
    # After t seconds the machine is (t - 0.1) / 2 times slower, and 95 - t are left.
    share = (20 * FILES + CLOSING) / 2
    assert look(deadline, clock, 95) == pytest.approx((95 + 0.1 * share) / (1 + share), abs=0.1)
    assert deadline.begin(20 * SAMPLE_RATE) is LAST_RESORT  # although int8 networks take 8 s


def test_the_longer_the_song_the_earlier_a_segment_is_broken_off() -> None:
    lasted = [look(*start(1000, song), 950) for song in (1, 20, 60, 120, 240)]
    assert lasted == sorted(lasted, reverse=True)
    assert len(set(lasted)) == len(lasted)


def test_a_frozen_machine_is_not_a_slow_one() -> None:
    deadline, clock = start(100, 20)
    look(deadline, clock, 1)
    clock.now += 85  # the networks could still be in time within 9 s
    deadline.during_segment()
    deadline, clock = start(100, 20)
    assert look(deadline, clock, 85) == 85
    assert look(deadline, clock, 5) < 1


def test_a_segment_may_use_half_of_the_safety_margin() -> None:
    deadline, clock = start(100, 5, before=80)
    assert look(deadline, clock, 20, each=0.5) == pytest.approx(15, abs=0.6)


def test_time_for_encoding_is_left_when_a_segment_is_broken_off() -> None:
    deadline, clock = start(100, 5, encoding=10.0)
    # After t seconds, 10 s have become 10 * (t - 0.1) / 2, and 95 - t are left.
    assert look(deadline, clock, 50) == pytest.approx((95 + 0.5) / 6, abs=0.2)


def test_a_call_that_has_lost_little_of_what_is_left_is_not_broken_off() -> None:
    deadline, clock = start(1000, 5, encoding=500.0)
    # Within 4 s, the speed is that at which 500 s become 950 s.
    lasted = look(deadline, clock, 200)
    assert lasted - 2.1 == pytest.approx((950 - lasted) * EVIDENCE, abs=0.2)


def test_a_song_that_is_resampled_is_broken_off_earlier() -> None:
    rates = (44_100, 48_000, 96_000)
    lasted = [look(*start(100, 20, sample_rate=rate), 95) for rate in rates]
    assert lasted == sorted(lasted, reverse=True) and len(set(lasted)) == 3


def test_the_machine_is_then_taken_to_be_as_slow_as_that_call() -> None:
    deadline, clock = start(100, 20)
    lasted = look(deadline, clock, 95)
    assert deadline.slowness == pytest.approx((lasted - 0.1) / 2)
    deadline.after_segment("bass", count=1, share=1.0)  # it has succeeded all the same
    with pytest.raises(TooSlow):
        deadline.before_segment("drums")


def test_a_call_of_several_segments_may_take_as_many_times_longer() -> None:
    clock, lasted = Clock(), []
    for batch in (1, 4):
        geometries = [
            {name: replace(one, batch=batch) for name, one in own.items()} for own in GEOMETRIES
        ]
        deadline = Deadline(100, LEVELS, COSTS, geometries, started=clock.now, clock=clock)
        deadline.begin(120 * SAMPLE_RATE)
        deadline.before_segment("bass")
        lasted.append(look(deadline, clock, 95))
    assert lasted[0] < lasted[1] - 10


def test_after_a_call_that_was_nearly_broken_off_there_is_no_other() -> None:
    deadline, clock = start(1000, 400)
    assert look(deadline, clock, 315, each=5) == 315  # within 320 s it would be broken off
    clock.now += 4.5
    deadline.after_segment("bass", count=1, share=1.0)
    with pytest.raises(TooSlow):
        deadline.before_segment("drums")
    assert deadline.begin(400 * SAMPLE_RATE) is LAST_RESORT  # int8 would fit: 172 of 580 s
