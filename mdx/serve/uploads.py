"""Writes a request's body to a file, within bounds of size, disk space and time."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import BinaryIO

from mdx.files import replacing
from mdx.serve.refusals import Refused

PIECE = 1 << 20  # bytes per write
SLOWEST = 1000  # bytes per second, on average, after GRACE
GRACE = 60.0  # seconds


class Bounds:
    """The bounds of an upload."""

    def __init__(self, *, size: int, reserve: int, free: Callable[[], int], patience: float):
        """`size` is the announced size in bytes; `free` returns the free bytes of the disk."""
        self.size = size
        self._reserve, self._free = reserve, free
        self.patience = patience
        self._started = time.monotonic()

    def check_disk(self, more: int) -> None:
        """Raise Refused (507) if this many more bytes would fill the disk."""
        check_disk(self._free(), self._reserve, more)

    def check(self, received: int) -> None:
        """Raise Refused for a body that is too long (413) or too slow (408)."""
        if received > self.size:
            raise Refused(413, f"upload: got more than the {self.size} bytes announced")
        spent = time.monotonic() - self._started
        if spent > GRACE and received < SLOWEST * spent:
            raise Refused(408, f"upload: got {received} bytes in {spent:.0f} s, expected more")

    def check_end(self, received: int) -> None:
        """Raise Refused (400) for a body that is too short."""
        if received != self.size:
            raise Refused(400, f"upload: got {received} bytes, expected {self.size}; it broke off")


def check_disk(free: int, reserve: int, more: int) -> None:
    """Raise Refused (507) if this many more bytes would leave fewer than `reserve` free."""
    if free - more < reserve:
        raise Refused(
            507, f"disk: got {free / 1e6:.0f} MB free, expected room for {more / 1e6:.0f} MB "
            f"and {reserve / 1e6:.0f} MB to spare; make room"
        )  # fmt: skip


async def receive(
    body: AsyncIterator[bytes], target: Path, bounds: Bounds, told: Callable[[int], None]
) -> None:
    """Write a body to a file, which appears once it is complete.

    `told` gets the bytes so far. Raises Refused, or ClientDisconnect of the body.
    """
    bounds.check_disk(bounds.size)
    try:
        with replacing(target) as draft, draft.open("wb") as file:
            received = await _write(body, file, bounds, told)
            bounds.check_end(received)
    except OSError as error:
        raise Refused(507, f"disk: got {error.strerror}, expected room for the upload") from error
    told(received)


async def _write(
    body: AsyncIterator[bytes], file: BinaryIO, bounds: Bounds, told: Callable[[int], None]
) -> int:
    received, waiting = 0, bytearray()
    async for chunk in _patiently(body, bounds.patience):
        received += len(chunk)
        bounds.check(received)
        waiting += chunk
        if len(waiting) >= PIECE:
            bounds.check_disk(len(waiting))
            await asyncio.to_thread(file.write, waiting)
            waiting = bytearray()
            told(received)
    await asyncio.to_thread(file.write, waiting)
    return received


async def _patiently(body: AsyncIterator[bytes], patience: float) -> AsyncIterator[bytes]:
    iterator = aiter(body)
    while True:
        try:
            async with asyncio.timeout(patience):
                chunk = await anext(iterator)
        except StopAsyncIteration:
            return
        except TimeoutError:
            raise Refused(408, f"upload: got nothing for {patience:g} s; it broke off") from None
        yield chunk
