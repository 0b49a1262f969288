"""Sends changes to every open page, in bounded memory."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

MOST_LISTENERS = 64  # open pages
HEARTBEAT = 15.0  # seconds between heartbeats, which detect closed pages


class Hub:
    """Publishes the ids of changed jobs to any number of listeners."""

    def __init__(self) -> None:
        self._listeners: set[Listener] = set()
        self._closed = False

    @property
    def is_full(self) -> bool:
        """Whether no further page can listen."""
        return len(self._listeners) >= MOST_LISTENERS

    def publish(self, job: str) -> None:
        """Notify all listeners that a job has changed."""
        for listener in self._listeners:
            listener.changed(job)

    def close(self) -> None:
        """Stop all listeners when the server stops."""
        self._closed = True
        for listener in self._listeners:
            listener.wake()

    async def listen(self) -> AsyncIterator[list[str]]:
        """Yield [] at once, then the ids of changed jobs, without repetitions; [] as a heartbeat.

        Once the first [] is there, no change is missed.
        """
        listener = Listener()
        self._listeners.add(listener)
        try:
            yield []
            while not self._closed:
                yield await listener.take()
        finally:
            self._listeners.discard(listener)


class Listener:
    """The changes that one page has not received yet."""

    def __init__(self) -> None:
        self._pending: dict[str, None] = {}
        self._woken = asyncio.Event()

    def changed(self, job: str) -> None:
        """Note that a job has changed."""
        self._pending[job] = None
        self._woken.set()

    def wake(self) -> None:
        """Make it return at once."""
        self._woken.set()

    async def take(self) -> list[str]:
        """Wait for changes, and return them."""
        with suppress(TimeoutError):
            async with asyncio.timeout(HEARTBEAT):
                await self._woken.wait()
        self._woken.clear()
        taken, self._pending = list(self._pending), {}
        return taken
