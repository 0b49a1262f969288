"""Pages receive changes, in bounded memory."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from mdx.serve import events
from mdx.serve.app import Site
from mdx.serve.events import Hub


def test_repeated_changes_are_reported_once() -> None:
    async def scene() -> list[list[str]]:
        hub, told = Hub(), []
        listener = hub.listen()
        assert await anext(listener) == []
        hub.publish("a")  # before the page waits for it
        told.append(await anext(listener))
        for _ in range(10_000):  # a page that does not read
            hub.publish("b")
            hub.publish("c")
        told.append(await anext(listener))
        hub.close()
        told.extend([item async for item in listener])
        return told

    assert asyncio.run(scene()) == [["a"], ["b", "c"]]


def test_a_heartbeat_notices_closed_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "HEARTBEAT", 0.01)
    monkeypatch.setattr(events, "MOST_LISTENERS", 1)

    async def scene() -> None:
        hub = Hub()
        listener = hub.listen()
        assert await anext(listener) == [] and hub.is_full
        assert await anext(listener) == []  # a heartbeat
        await listener.aclose()  # type: ignore[attr-defined]
        assert not hub.is_full

    asyncio.run(scene())


def test_no_change_is_lost_while_the_list_is_sent() -> None:
    async def scene() -> list[str]:
        jobs = {"a": "queued"}
        queue = SimpleNamespace(hub=Hub(), jobs=jobs)
        site: Any = SimpleNamespace(queue=queue, view=str)
        stream = Site._events(site)
        sent = [await anext(stream)]
        jobs["a"] = "done"
        queue.hub.publish("a")  # the page has not read on yet
        sent.append(await anext(stream))
        return sent

    first, second = asyncio.run(scene())
    assert '["queued"]' in first and second == 'event: job\ndata: "done"\n\n'
