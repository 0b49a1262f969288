"""The assignment of songs to workers, and failing workers, with a fake client."""

import json
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mdx.cluster.connect import ClusterError, SchedulerLost
from mdx.cluster.dispatch import Dispatcher, Request, Response, SongLost, move_all
from mdx.cluster.pack import Pack
from mdx.cluster.remote import Remote, WorkerLost
from mdx.cluster.version import difference, versions
from mdx.cluster.workers import Workers
from mdx.errors import AudioError, Cancelled, MdxError, OutputError

HERE = {"kuielab-mdx-net": "1.0", "code of mdx": "abc"}


class Scheduler:
    """Reports workers."""

    def __init__(self, **threads: int) -> None:
        self.threads = threads
        self.status = dict.fromkeys(threads, "running")
        self.silent: set[str] = set()
        self.told = {name: json.dumps(HERE) for name in threads}

    def identity(self) -> dict[str, Any]:
        return {"workers": {
            name: {"nthreads": count, "status": self.status[name],
                   "last_seen": 0 if name in self.silent else time.monotonic()}
            for name, count in self.threads.items()
        }}  # fmt: skip


class Client:
    """The part of distributed.Client that Workers uses."""

    status = "running"

    def __init__(self, scheduler: Scheduler) -> None:
        self.scheduler = scheduler

    def sync(self, function: Callable[..., Any], **_: Any) -> Any:
        return function()

    def run(self, function: Any, *values: Any, workers: list[str], **_: Any) -> Any:
        return {name: self.scheduler.told[name] for name in workers}


class FakeCluster:
    """A cluster with one client."""

    address = "a cluster"
    threads = None

    def __init__(self, client: Client) -> None:
        self.client = client
        self.renewed = 0

    def check(self, client: Client) -> None:
        if client.status != "running":
            raise SchedulerLost

    def is_lost(self, client: Client) -> bool:
        return client.status != "running"

    def renew(self, lost: Client, cancelled: Callable[[], bool]) -> None:
        self.renewed += 1
        self.client.status = "running"


def workers_of(scheduler: Scheduler, hung: float = 60.0) -> tuple[Workers, FakeCluster]:
    cluster = FakeCluster(Client(scheduler))
    return Workers(cluster, "separate", HERE, hung=hung), cluster  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mdx.cluster.workers.LOOK", 0.01)
    monkeypatch.setattr("mdx.cluster.workers.WAITING", 0.1)


def never() -> bool:
    return False


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


class Attempts:
    """The result of each try, in order."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *ends: Exception | None) -> None:
        self.workers: list[str] = []
        left = list(ends)

        def perform(
            dispatcher: Dispatcher, remote: Remote, request: Request, folder: Path
        ) -> Response:
            self.workers.append(remote.address)
            end = left.pop(0)
            if isinstance(end, SchedulerLost):
                remote.client.status = "closed"
            if end is not None:
                raise end
            return Response("stems", folder, {})

        monkeypatch.setattr(Dispatcher, "_perform", perform)


def dispatch(tmp_path: Path, **threads: int) -> tuple[Any, FakeCluster]:
    """Dispatch one song."""
    cluster = FakeCluster(Client(Scheduler(**threads)))
    dispatcher = Dispatcher(cluster, "separate", HERE)  # type: ignore[arg-type]
    request = Request("a song", tmp_path / "song", "song", Pack({}, {}), {}, tmp_path)
    with dispatcher.done(request, never) as answer:
        return answer.value, cluster


def lost(cause: Exception | None = None) -> WorkerLost:
    error = WorkerLost("No space left on device")
    error.__cause__ = cause
    return error


def test_a_song_has_three_tries_each_on_another_worker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempts = Attempts(monkeypatch, lost(), lost(), None)
    assert dispatch(tmp_path, one=1, two=1, three=1)[0] == "stems"
    assert sorted(attempts.workers) == ["one", "three", "two"]
    full = OutputError("disk", got="No space left on device", expected="room")
    attempts = Attempts(monkeypatch, lost(full), lost(full), lost(full), None)
    with pytest.raises(SongLost, match=r"3 tries that failed, the last on worker .*No space left"):
        dispatch(tmp_path, one=1)
    assert attempts.workers == ["one"] * 3
    own = AudioError("weights", got="x", expected="y")
    Attempts(monkeypatch, lost(own), lost(own), lost(own))
    with pytest.raises(AudioError, match="worker one: weights: got x"):
        dispatch(tmp_path, one=1)


def test_a_lost_scheduler_does_not_count_as_a_try(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Attempts(monkeypatch, lost(), SchedulerLost(), SchedulerLost(), SchedulerLost(), lost(), None)
    value, cluster = dispatch(tmp_path, one=1)
    assert value == "stems" and cluster.renewed == 3


def test_results_come_together_or_not_at_all(tmp_path: Path) -> None:
    there, here = tmp_path / "there", tmp_path / "here"
    for folder, text in ((there, "new"), (here, "old")):
        folder.mkdir()
        for name in ("a", "b"):
            (folder / name).write_text(text)
    (there / "b").unlink()
    with pytest.raises(MdxError, match="expected a place to write to"):
        move_all({there / name: here / name for name in ("a", "b")})
    assert sorted(path.read_text() for path in here.iterdir()) == ["old", "old"]
    for name in ("a", "b"):
        (there / name).write_text("new")
    (here / "c").mkdir()
    with pytest.raises(MdxError, match="got a directory, expected the name of a file"):
        move_all({there / "a": here / "a", there / "b": here / "c"})
    (here / "c").rmdir()
    assert sorted(path.read_text() for path in here.iterdir()) == ["old", "old"]
    move_all({there / "a": here / "a"})
    assert (here / "a").read_text() == "new" and len(list(here.iterdir())) == 2


def test_a_rename_that_fails_leaves_the_old_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there, here = tmp_path / "there", tmp_path / "here"
    for folder, text in ((there, "new"), (here, "old")):
        for name in ("a/1", "b/1", "c/1"):
            (folder / name).parent.mkdir(parents=True)
            (folder / name).write_text(text)
    replace = os.replace

    def refuse(old: Path, new: Path) -> None:
        if new == here / "b" and "old" not in Path(old).suffix:
            raise OSError(5, "Input/output error")
        replace(old, new)

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(MdxError, match="Input/output error"):
        move_all({there / name: here / name for name in "abc"})
    files = [path for path in here.rglob("*") if path.is_file()]
    assert len(files) == 3 and {path.read_text() for path in files} == {"old"}
    assert {path.name for path in here.iterdir()} == {"a", "b", "c"}
    with pytest.raises(MdxError, match="expected a place to write to"):  # below a file
        move_all({there / "a": here / "a" / "1" / "x"})
