"""The assignment of songs to workers, with a fake client."""

import json
import threading
import time

import pytest

from mdx.cluster.connect import ClusterError
from mdx.cluster.version import difference, versions
from mdx.errors import Cancelled
from tests.mdx.cluster.fakes import HERE, Scheduler, never, workers_of


def test_a_worker_has_as_many_songs_as_threads_and_the_emptiest_comes_first() -> None:
    workers, _ = workers_of(Scheduler(small=1, large=3))
    taken: list[str] = []
    held = [workers.one([], never) for _ in range(4)]
    for one in held:
        taken.append(one.__enter__()[1])
    assert sorted(taken) == ["large"] * 3 + ["small"] and set(taken[:2]) == {"small", "large"}
    started = threading.Event()
    found: list[str] = []

    def wait() -> None:
        started.set()
        with workers.one([], never) as (_, address):
            found.append(address)

    thread = threading.Thread(target=wait)
    thread.start()
    started.wait()
    time.sleep(0.05)
    assert not found
    held[taken.index("small")].__exit__(None, None, None)
    thread.join(10)
    assert found == ["small"]


@pytest.mark.parametrize("threads", [1, 3])
def test_who_came_first_is_served_first(threads: int) -> None:
    workers, _ = workers_of(Scheduler(one=threads))
    order: list[int] = []
    go_on = threading.Event()

    def take(number: int) -> None:
        with workers.one([], never):
            order.append(number)
            go_on.wait(10)

    takers = [threading.Thread(target=take, args=[number]) for number in range(20)]
    for number, taker in enumerate(takers):
        taker.start()
        until = time.monotonic() + 10
        while len(order) + len(workers._waiting) <= number and time.monotonic() < until:
            time.sleep(0.001)
    assert order == list(range(threads))
    go_on.set()
    for taker in takers:
        taker.join(10)
    blocks = [set(order[start : start + threads]) for start in range(0, 20, threads)]
    assert blocks == [set(range(20)[start : start + threads]) for start in range(0, 20, threads)]


def test_one_that_cannot_be_served_does_not_hold_up_others() -> None:
    workers, _ = workers_of(Scheduler(one=1, two=1))
    held = workers.one(["one"], never)
    assert held.__enter__()[1] == "two"
    stop = threading.Event()

    def wait() -> None:
        with pytest.raises(Cancelled), workers.one(["one"], stop.is_set):
            pass

    waiting = threading.Thread(target=wait)  # for "two"
    waiting.start()
    while not workers._waiting:
        time.sleep(0.001)
    with workers.one([], never) as (_, address):
        assert address == "one"
    stop.set()
    waiting.join(10)
    held.__exit__(None, None, None)


def test_a_worker_that_failed_a_song_gets_it_again_only_as_a_last_resort() -> None:
    workers, _ = workers_of(Scheduler(one=1, two=1))
    for _ in range(3):
        with workers.one(["one"], never) as (_, address):
            assert address == "two"
    with workers.one(["one", "two"], never) as (_, address):
        assert address in ("one", "two")


def test_workers_that_are_silent_or_about_to_end_are_not_alive() -> None:
    scheduler = Scheduler(one=1, two=1, three=1)
    workers, cluster = workers_of(scheduler, hung=0.2)
    assert all(workers.alive(cluster.client, name) for name in scheduler.threads)
    scheduler.silent = {"one"}
    scheduler.status["two"] = "closing_gracefully"
    scheduler.status["three"] = "paused"  # for lack of memory; its songs continue
    deadline = time.monotonic() + 10
    while workers.alive(cluster.client, "one") and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not workers.alive(cluster.client, "one") and not workers.alive(cluster.client, "two")
    assert workers.alive(cluster.client, "three") and not workers.alive(cluster.client, "four")
    calls = iter([False] * 5 + [True])
    with pytest.raises(Cancelled), workers.one([], lambda: next(calls)):
        raise AssertionError("no worker has room")


def test_where_all_are_of_another_version_both_are_named() -> None:
    scheduler = Scheduler(one=1)
    scheduler.told["one"] = json.dumps({**HERE, "kuielab-mdx-net": "0.9"})
    workers, _ = workers_of(scheduler)
    expected = pytest.raises(ClusterError, match=r"kuielab-mdx-net 0\.9 there and 1\.0 here")
    with expected, workers.one([], never):
        raise AssertionError("it is of another version")


def test_a_difference_names_both_sides() -> None:
    assert difference(HERE, HERE) == ""
    assert "code of mdx abd there and abc here" in difference(HERE, {**HERE, "code of mdx": "abd"})
    assert "none there" in difference(HERE, {"kuielab-mdx-net": "1.0"})
    assert versions() == versions() and set(HERE) <= set(versions())
