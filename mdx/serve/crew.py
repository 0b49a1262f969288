"""The server's side of the workers: starting, instructing and cancelling them."""

import asyncio
import json
import logging
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)
SAFELY = ("-P",)  # options of Python: without modules of the current folder
MOST_WORKERS = 2  # kept alive, each with its networks in memory
PATIENCE = 10.0  # seconds in which a worker must obey a cancel
LAST = ("done", "failed", "cancelled", "unloadable")
Told = Callable[[dict[str, Any]], None]


@dataclass(frozen=True)
class Setup:
    """The arguments of Separator.load for a worker."""

    system: str
    precision: str
    sources: tuple[str, ...]
    limited: bool
    threads: int | None
    runtime: str
    provider: str

    def as_json(self) -> str:
        """For the worker's command line."""
        return json.dumps(self.__dict__)


class Worker:
    """A process with one Separator."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    async def start(cls, setup: Setup) -> "Worker":
        """Start the process, which loads its networks while the first order is sent."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, *SAFELY, "-m", "mdx.serve.worker", setup.as_json(),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            start_new_session=True, env=environment(),
        )  # fmt: skip
        return cls(process)

    @property
    def pid(self) -> int:
        """The id of its process."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether it can accept an order."""
        return self._process.returncode is None

    async def separate(
        self, order: dict[str, Any], told: Told, cancel: asyncio.Event
    ) -> dict[str, Any]:
        """Have a song separated: returns the last event, and hands all others on.

        A worker that dies leaves {"event": "died"}, one that ignores a cancel is killed.
        """
        waiting = asyncio.create_task(self._cancel_after(cancel, order["id"]))
        try:
            await self._send({"order": order})
            while event := await self._receive():
                if event["event"] == "unloadable":
                    await self._process.wait()  # nobody may give it another song
                if event["event"] in LAST:
                    return event
                told(event)
            code = await self._process.wait()
            if cancel.is_set():
                return {"event": "cancelled"}
            return {"event": "died", "reason": _death(code)}
        finally:
            waiting.cancel()

    async def stop(self) -> None:
        """Stop the process."""
        with suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()

    async def _cancel_after(self, cancel: asyncio.Event, order: str) -> None:
        await cancel.wait()
        await self._send({"cancel": order})
        await asyncio.sleep(PATIENCE)
        log.warning("worker %d did not stop within %g s; it is killed", self.pid, PATIENCE)
        with suppress(ProcessLookupError):
            self._process.kill()

    async def _send(self, message: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        with suppress(ConnectionError):  # its death is noticed when its events are read
            self._process.stdin.write(json.dumps(message).encode() + b"\n")
            await self._process.stdin.drain()

    async def _receive(self) -> dict[str, Any]:
        # An empty line at the end.
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            with suppress(ValueError):
                event = json.loads(line)
                if isinstance(event, dict) and "event" in event:
                    return event
        return {}


class Crew:
    """The running workers by their Setup; the least recently used one is stopped for a new one."""

    def __init__(self) -> None:
        self._workers: dict[Setup, Worker] = {}
        self._alone = asyncio.Lock()

    async def worker(self, setup: Setup) -> Worker:
        """A worker with this Separator, started if there is none."""
        async with self._alone:
            found = self._workers.pop(setup, None)
            if found is not None and not found.is_alive:
                log.warning("worker %d has died; another one takes its place", found.pid)
                found = None
            while found is None and len(self._workers) >= MOST_WORKERS:
                await self._workers.pop(next(iter(self._workers))).stop()
            self._workers[setup] = found or await Worker.start(setup)
            return self._workers[setup]

    async def stop(self) -> None:
        """Stop all workers."""
        for worker in self._workers.values():
            await worker.stop()


def environment() -> dict[str, str]:
    """The environment for children, in which they import the same mdx."""
    root = str(Path(__file__).resolve().parents[2])
    paths = [root, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    return os.environ | {"PYTHONPATH": os.pathsep.join(paths)}


def _death(code: int) -> str:
    try:
        how = f"by {signal.Signals(-code).name}"
    except ValueError:
        how = f"with code {code}"
    return f"got a worker that ended {how}, expected stems; try it again"
