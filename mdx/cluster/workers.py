"""The workers of a cluster: which can be used, and which have room for a song."""

import itertools
import json
import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import mdx.cluster.there as there
from mdx.cluster.connect import Cluster, ClusterError
from mdx.cluster.version import difference
from mdx.errors import Cancelled, MdxError

log = logging.getLogger(__name__)
HUNG = 60.0  # seconds without a heartbeat after which a worker counts as lost
LOOK = 0.5  # seconds for which the scheduler's list of workers is cached
CHECK = 30.0  # seconds in which a worker must report its version
ASKED = 3  # attempts to get its version
ROOM = {"running": 1, "paused": 0}  # new songs by status; in any other it is about to end
WAITING = 5.0  # seconds for workers to join before the error that none can be used


class Workers:
    """Workers by their address, each with as many songs at once as it has Dask threads."""

    def __init__(
        self, cluster: Cluster, task: str, here: Mapping[str, str], *, hung: float
    ) -> None:
        """`here` is the version that a worker must have to be used for this task."""
        self._cluster, self._task, self._here, self._hung = cluster, task, dict(here), hung
        self._lock = threading.Condition()
        self._tickets = itertools.count()
        self._waiting: dict[int, Collection[str]] = {}  # workers to avoid, by ticket
        self._busy: Counter[str] = Counter()
        self._refused: dict[str, str] = {}  # by address; empty: it may be used
        self._unclear: Counter[str] = Counter()  # how often it did not report its version
        self._signs: dict[str, tuple[object, float]] = {}  # last heartbeat, and when it arrived
        self._found: dict[str, int] = {}  # threads by address
        self._looked = -float("inf")
        self._warned = False

    @contextmanager
    def one(
        self, avoid: Collection[str], cancelled: Callable[[], bool]
    ) -> Iterator[tuple[Any, str]]:
        """A client, and the address of a worker with room, held for the block.

        One of `avoid` is taken only where there is no other. Waits for as long as it takes, and
        who came first is served first; raises ClusterError where all there are were refused,
        SchedulerLost, or Cancelled.
        """
        with self._lock:
            client, chosen = self._wait(avoid, cancelled)
            self._busy[chosen] += 1
        try:
            yield client, chosen
        finally:
            with self._lock:
                self._busy[chosen] -= 1
                self._lock.notify_all()

    def _wait(self, avoid: Collection[str], cancelled: Callable[[], bool]) -> tuple[Any, str]:
        started, ticket = time.monotonic(), next(self._tickets)
        self._waiting[ticket] = avoid
        try:
            while True:
                if cancelled():
                    raise Cancelled(self._cluster.address)
                client = self._cluster.client
                chosen = self._choose(client, avoid)
                if chosen is not None and not self._is_wanted(client, ticket):
                    return client, chosen
                if chosen is None:
                    self._complain(time.monotonic() - started)
                self._lock.wait(LOOK)
        finally:
            del self._waiting[ticket]
            self._lock.notify_all()  # the next one may be served now

    def _is_wanted(self, client: Any, ticket: int) -> bool:
        # Whether somebody who came before can be served: threads wake up in any order.
        before = [avoid for other, avoid in self._waiting.items() if other < ticket]
        return any(self._choose(client, avoid) is not None for avoid in before)

    def alive(self, client: Any, address: str) -> bool:
        """Whether a worker still exists and sends heartbeats."""
        with self._lock:
            self._look(client)
            return address in self._found

    def _choose(self, client: Any, avoid: Collection[str]) -> str | None:
        self._look(client)
        usable = [address for address in self._found if self._refused.get(address) == ""]
        free = [address for address in usable if self._busy[address] < self._found[address]]
        fresh = [address for address in free if address not in avoid]
        if not fresh and all(address in avoid for address in usable):
            fresh = free
        return min(fresh, key=lambda one: self._busy[one] / self._found[one], default=None)

    def _look(self, client: Any) -> None:
        now = time.monotonic()
        if now - self._looked < LOOK:
            return
        self._cluster.check(client)
        try:
            listed = client.sync(client.scheduler.identity, n_workers=-1, callback_timeout=CHECK)
        except Exception:  # from Dask or the network: the next check shows which
            self._cluster.check(client)
            return
        self._looked = time.monotonic()
        found = {}
        for address, facts in listed["workers"].items():
            sign = facts["last_seen"]
            if self._signs.get(address, (None, 0.0))[0] != sign:
                self._signs[address] = sign, now
            if now - self._signs[address][1] < self._hung and facts["status"] in ROOM:
                found[address] = ROOM[facts["status"]] * int(facts["nthreads"])
        self._found = found
        self._check(client, [address for address in found if address not in self._refused])

    def _check(self, client: Any, new: list[str]) -> None:
        if not new:
            return
        with ThreadPoolExecutor(len(new)) as pool:
            answers = list(pool.map(lambda address: self._ask(client, address), new))
        for address, refusal in zip(new, answers, strict=True):
            if refusal is not None:
                self._refused[address] = refusal
            if refusal:
                log.warning("worker %s: got %s; it is left out", address, refusal)

    def _ask(self, client: Any, address: str) -> str | None:
        # Why the worker cannot be used: empty if it can be, None if it did not report its version.
        try:
            told = client.run(there.tell, self._task, workers=[address], callback_timeout=CHECK)[
                address
            ]
        except (ImportError, AttributeError, MdxError) as error:  # such as a missing module mdx
            return f"{error}, where kuielab-mdx-net {self._here['kuielab-mdx-net']} was expected"
        except Exception as error:  # from Dask, the network, or missing files
            self._cluster.check(client)
            self._unclear[address] += 1
            return f"{type(error).__name__} {error}" if self._unclear[address] == ASKED else None
        return difference(self._here, json.loads(told))

    def _complain(self, waited: float) -> None:
        if waited <= WAITING:  # others may be about to join
            return
        if self._found and all(self._refused.get(address) for address in self._found):
            address = next(iter(self._found))
            raise ClusterError(
                f"worker {address}", got=self._refused[address], expected="the same on both sides",
                hint=f"none of {len(self._found)} workers can be used: install this version there",
            )  # fmt: skip
        if not self._found and not self._warned:
            self._warned = True
            log.warning("%s: no worker yet; waiting for one", self._cluster.address)
