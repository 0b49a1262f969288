"""The queue: expiry of songs, and limits."""

import asyncio
import builtins
import contextlib
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from shlex import quote
from typing import Any

import pytest

from mdx.cli.main import main
from mdx.errors import OutputError
from mdx.serve import truths
from mdx.serve.jobs import Job, Wish
from mdx.serve.menu import Menu
from mdx.serve.originals import Original, write_original
from mdx.serve.peaks import peaks_path
from mdx.serve.queue import MOST_UPLOADS, Queue
from mdx.serve.refusals import Refused
from mdx.serve.settings import Settings
from mdx.serve.shelf import Shelf
from mdx.serve.uploads import PIECE
from mdx.serve.worker import prepare
from tests.mdx.cli.kit import RATE, write_song

HOUR = 3600.0


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    """An empty folder of songs and stems."""
    with contextlib.closing(Shelf(tmp_path / "folder")) as shelf:
        yield shelf


def make_queue(system: Path, shelf: Shelf) -> Queue:
    """A queue that keeps songs for an hour and is not running."""
    settings = Settings(folder=shelf.root, system=str(system), keep_hours=1.0, reserve=0)
    return Queue(settings, shelf, Menu(settings))


async def upload(queue: Queue, content: bytes = b"song") -> Job:
    """Enter a song and send it."""

    async def body() -> AsyncIterator[bytes]:
        yield content

    job = queue.reserve("a.wav", len(content), Wish("tiny"))
    return await queue.receive(job, body())


def test_finished_songs_are_deleted_after_their_time(tiny_system: Path, shelf: Shelf) -> None:
    async def scene() -> None:
        queue = make_queue(tiny_system, shelf)
        first = await upload(queue)
        second = queue.again(first, Wish("tiny", two_stems="bass"))
        queue.cancel(first)
        waiting = queue.reserve("never.wav", 4, Wish("tiny"))
        now = time.time()
        queue.tidy_once(now + 10)
        assert len(queue.jobs) == 3 and queue.jobs[waiting.id].state == "uploading"
        queue.tidy_once(now + HOUR + 10)
        assert list(queue.jobs) == [second.id, waiting.id]  # what waits does not age
        assert "it never came" in queue.jobs[waiting.id].error
        assert queue.shelf.upload(second).read_bytes() == b"song"  # which both had
        queue.cancel(second)
        queue.tidy_once(now + 3 * HOUR)
        assert not queue.jobs
        assert not [*(shelf.root / "songs").iterdir(), *(shelf.root / "jobs").iterdir()]

    asyncio.run(scene())


def test_songs_that_wait_for_their_turn_do_not_expire(tiny_system: Path, shelf: Shelf) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        begun.set()
        await go_on.wait()
        yield b"song"

    async def scene() -> None:
        queue = make_queue(tiny_system, shelf)
        first, second = (queue.reserve(f"{name}.wav", 4, Wish("tiny")) for name in "ab")
        upload = asyncio.create_task(queue.receive(first, slow()))
        await begun.wait()
        queue.tidy_once(time.time() + HOUR / 2)
        assert queue.jobs[second.id].state == "uploading"
        go_on.set()
        await upload
        queue.tidy_once(time.time() + 10)
        assert queue.jobs[second.id].state == "uploading"
        queue.tidy_once(time.time() + HOUR / 2)
        assert "it never came" in queue.jobs[second.id].error

    asyncio.run(scene())


def test_uploads_beyond_the_most_wait_for_theirs(tiny_system: Path, shelf: Shelf) -> None:
    begun: list[str] = []

    async def scene() -> None:
        queue, go_on = make_queue(tiny_system, shelf), asyncio.Event()

        async def body(name: str) -> AsyncIterator[bytes]:
            begun.append(name)
            await go_on.wait()
            yield b"song"

        jobs = [
            queue.reserve(f"{number}.wav", 4, Wish("tiny")) for number in range(MOST_UPLOADS + 3)
        ]
        sent = [asyncio.create_task(queue.receive(job, body(job.name))) for job in jobs]
        while len(begun) < MOST_UPLOADS:
            await asyncio.sleep(0)
        queue.tidy_once(time.time() + HOUR / 2)
        assert all(queue.jobs[job.id].state == "uploading" for job in jobs)
        queue.cancel(jobs[-1])
        assert len(begun) == MOST_UPLOADS
        go_on.set()
        *done, cancelled = await asyncio.gather(*sent, return_exceptions=True)
        assert [job.state for job in done if isinstance(job, Job)] == ["queued"] * (len(jobs) - 1)
        assert isinstance(cancelled, Refused) and cancelled.status == 410
        assert sorted(begun) == [job.name for job in jobs[:-1]]

    asyncio.run(scene())


def test_an_upload_ends_when_its_song_is_cancelled(tiny_system: Path, shelf: Shelf) -> None:
    sent = 0

    async def scene() -> None:
        queue = make_queue(tiny_system, shelf)
        job = queue.reserve("a.wav", 100 * PIECE, Wish("tiny"))

        async def body() -> AsyncIterator[bytes]:
            nonlocal sent
            for sent in range(100):
                if sent == 2:
                    queue.cancel(job)
                yield bytes(PIECE)

        with pytest.raises(Refused) as refusal:
            await queue.receive(job, body())
        assert refusal.value.status == 410 and sent == 2
        assert queue.jobs[job.id].state == "cancelled"
        assert not queue.shelf.upload(job).exists()

    asyncio.run(scene())


def test_an_interrupted_song_is_prepared_again(tmp_path: Path) -> None:
    upload, mixture = write_song(tmp_path / "upload.wav", 1000), tmp_path / "mixture.wav"
    write_original(upload, mixture, most_seconds=1, cancel=threading.Event())  # and no peaks

    def prepared() -> Original:
        return prepare(upload, mixture, 1, threading.Event())

    assert prepared() == (RATE, 1000) and peaks_path(mixture).is_file()
    upload.unlink()
    assert prepared() == (RATE, 1000)  # another separation of the same song


def test_a_job_that_cannot_be_stored_continues(
    tiny_system: Path, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:

    def full(_: Job) -> None:
        raise OutputError("job.json", got="a full disk", expected="room")

    async def scene() -> None:
        queue = make_queue(tiny_system, shelf)
        job = await upload(queue)
        monkeypatch.setattr(queue.shelf, "save", full)
        queue.cancel(job)
        assert queue.jobs[job.id].state == "cancelled"

    asyncio.run(scene())


def test_without_the_evaluator_there_are_no_scores(
    tiny_system: Path, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(truths, "MODELS", shelf.root / "models")
    assert not truths.can_score()

    async def scene() -> None:
        queue = make_queue(tiny_system, shelf)
        job = await upload(queue)
        await truths.Truths(queue.settings, queue.shelf).score(job)

    with pytest.raises(Refused, match="expected the whole repository") as refusal:
        asyncio.run(scene())
    assert refusal.value.status == 501


@pytest.mark.parametrize("package", ["uvicorn", "starlette"])
def test_without_the_extra_one_line_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], package: str
) -> None:
    real = builtins.__import__

    def missing(name: str, *rest: Any, **more: Any) -> Any:
        if name.split(".")[0] == package:
            raise ModuleNotFoundError(f"No module named '{package}'", name=package)
        return real(name, *rest, **more)

    for name in [
        it for it in sys.modules if it.startswith("mdx.serve.") and it != "mdx.serve.crew"
    ]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(builtins, "__import__", missing)
    assert main(["serve"]) == 1
    assert capsys.readouterr().err == (
        f"error: mdx serve: got no {package} here, expected what the page needs; "
        f"in a clone of the repository: {quote(sys.executable)} -m pip install '.[serve]'\n"
    )
