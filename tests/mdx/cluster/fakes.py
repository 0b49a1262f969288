"""A fake cluster: its scheduler, its client, and connections that break."""

import json
import time
from collections.abc import Callable
from typing import Any

from mdx.cluster.connect import SchedulerLost
from mdx.cluster.workers import Workers

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


def never() -> bool:
    """Nobody cancels."""
    return False
