"""An upload is complete or absent."""

import asyncio
import errno
import itertools
import os
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from pathlib import Path

import numpy as np
import pytest
from starlette.requests import ClientDisconnect

from mdx.serve import uploads
from mdx.serve.refusals import Refused
from mdx.serve.uploads import Bounds, receive

PLENTY = 1 << 40


def bounds(size: int, *, reserve: int = 0, free: Callable[[], int] = lambda: PLENTY) -> Bounds:
    """Bounds with short timeouts."""
    return Bounds(size=size, reserve=reserve, free=free, patience=0.1)


async def body(*chunks: bytes, wait: float = 0.0) -> AsyncGenerator[bytes]:
    """A request's body."""
    for chunk in chunks:
        yield chunk
        await asyncio.sleep(wait)


def take(target: Path, limits: Bounds, chunks: AsyncIterator[bytes]) -> list[int]:
    """Receive a body; returns the reported progress."""
    told: list[int] = []
    asyncio.run(receive(chunks, target, limits, told.append))
    return told


@pytest.mark.parametrize("seed", range(10))
def test_chunks_of_any_size_make_the_file(tmp_path: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    content = rng.bytes(int(rng.integers(1, 5_000_000)))
    cuts = sorted(rng.integers(0, len(content), 20))
    edges = [0, *map(int, cuts), len(content)]
    chunks = [content[a:b] for a, b in itertools.pairwise(edges)]
    told = take(tmp_path / "new" / "upload", bounds(len(content)), body(*chunks))
    assert (tmp_path / "new" / "upload").read_bytes() == content
    assert told == sorted(told) and told[-1] == len(content)


@pytest.mark.parametrize(("size", "chunks", "status"), [
    (10, [b"x" * 9], 400), (10, [], 400), (10, [b"x" * 11], 413), (10, [b"x" * 10, b"x"], 413),
])  # fmt: skip
def test_another_size_than_announced(
    tmp_path: Path, size: int, chunks: list[bytes], status: int
) -> None:
    with pytest.raises(Refused) as refusal:
        take(tmp_path / "upload", bounds(size), body(*chunks))
    assert refusal.value.status == status and not list(tmp_path.iterdir())


def test_one_that_stalls(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"got nothing for 0\.1 s") as refusal:
        take(tmp_path / "upload", bounds(2), body(b"x", b"x", wait=5))
    assert refusal.value.status == 408 and not list(tmp_path.iterdir())


def test_one_that_drips(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "GRACE", 0.05)
    with pytest.raises(Refused, match="expected more") as refusal:
        take(tmp_path / "upload", bounds(1000), body(*[b"x"] * 1000, wait=0.02))
    assert refusal.value.status == 408 and not list(tmp_path.iterdir())


def test_a_disk_that_fills_meanwhile(tmp_path: Path) -> None:
    free = iter([10**7, 10**7, 10**7, 10])
    with pytest.raises(Refused, match="make room") as refusal:
        take(
            tmp_path / "upload", bounds(6_000_000, free=lambda: next(free, 10)),
            body(*[bytes(1 << 20)] * 6),
        )  # fmt: skip
    assert refusal.value.status == 507 and not list(tmp_path.iterdir())


def test_a_disk_that_is_nearly_full_is_not_tried(tmp_path: Path) -> None:
    content = body(b"x" * 10)
    with pytest.raises(Refused) as refusal:
        take(tmp_path / "upload", bounds(10, reserve=100, free=lambda: 105), content)
    assert asyncio.run(content.__anext__()) == b"x" * 10  # nobody has read it
    assert refusal.value.status == 507


def test_a_disk_that_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(uploads, "replacing", full)
    with pytest.raises(Refused, match="disk: got No space left on device") as refusal:
        take(tmp_path / "upload", bounds(10), body(b"x" * 10))
    assert refusal.value.status == 507


def test_a_client_that_disconnects(tmp_path: Path) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"x"
        raise ClientDisconnect

    with pytest.raises(ClientDisconnect):
        take(tmp_path / "upload", bounds(10), broken())
    assert not list(tmp_path.iterdir())
