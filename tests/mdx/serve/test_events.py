"""Pages receive changes, in bounded memory."""

import asyncio

import pytest

from mdx.serve import events
from mdx.serve.events import Hub


def test_repeated_changes_are_reported_once() -> None:
    async def scene() -> list[list[str]]:
        hub, told = Hub(), []
        listener = hub.listen()
        first = asyncio.ensure_future(anext(listener))
        await asyncio.sleep(0)
        hub.publish("a")
        told.append(await first)
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
        await listener.aclose()  # type: ignore[attr-defined]
        assert not hub.is_full

    asyncio.run(scene())
