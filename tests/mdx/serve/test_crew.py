"""Workers and children of the page: those that misbehave, and those that have to go."""

import asyncio
import sys
from pathlib import Path

import pytest

from mdx.errors import MdxError
from mdx.serve import crew
from mdx.serve.children import run_child
from mdx.serve.crew import Crew, Setup, Worker


async def child(script: str) -> Worker:
    """A worker that runs the given script."""
    pipe = asyncio.subprocess.PIPE
    return Worker(
        await asyncio.create_subprocess_exec(sys.executable, "-c", script, stdin=pipe, stdout=pipe)
    )


@pytest.mark.parametrize(("script", "cancelled", "expected"), [
    ("import time; time.sleep(99)", True, {"event": "cancelled"}),
    ("raise SystemExit(3)", False, {"event": "died"}),
    ("import time; print('{\"event\": \"unloadable\"}', flush=True); time.sleep(0.3)", False,
     {"event": "unloadable"}),
    ("print('no json\\n{\"event\": \"done\"}', flush=True); input(); input()", False,
     {"event": "done"}),
])  # fmt: skip
def test_misbehaving_workers(
    monkeypatch: pytest.MonkeyPatch, script: str, cancelled: bool, expected: dict[str, str]
) -> None:
    monkeypatch.setattr(crew, "PATIENCE", 0.1)

    async def scene() -> None:
        worker, cancel = await child(script), asyncio.Event()
        if cancelled:
            cancel.set()
        found = await worker.separate({"id": "1"}, lambda _: None, cancel)
        assert found["event"] == expected["event"]
        assert worker.is_alive is (expected["event"] == "done")
        await worker.stop()
        assert not worker.is_alive

    asyncio.run(scene())


def alive(crew: Crew) -> list[int]:
    """The processes of a crew."""
    return [worker.pid for worker in crew._workers.values() if worker.is_alive]


def test_the_least_used_worker_has_to_go(monkeypatch: pytest.MonkeyPatch) -> None:
    async def start(_: Setup) -> Worker:
        return await child("input()")

    monkeypatch.setattr(Worker, "start", start)

    async def scene() -> None:
        one, two, three = (
            Setup(name, "float32", (), False, None, "auto", "cpu") for name in ("1", "2", "3")
        )
        workers = Crew()
        first, second = await workers.worker(one), await workers.worker(two)
        assert await workers.worker(one) is first
        await workers.worker(three)
        assert first.is_alive and not second.is_alive
        await first.stop()
        fresh = await workers.worker(one)
        assert fresh is not first and fresh.is_alive
        assert len(alive(workers)) == 2
        await workers.stop()
        assert not alive(workers)

    asyncio.run(scene())


def test_modules_of_the_current_folder_are_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "soundfile.py").write_text("open('ran', 'w').close()")
    (tmp_path / "mine.py").write_text("import soundfile; print('{}')")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(MdxError, match="mine: got no answer"):
        asyncio.run(run_child("mine", {}))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "elsewhere"))
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "mine.py").rename(tmp_path / "elsewhere" / "mine.py")
    assert asyncio.run(run_child("mine", {})) == {}
    assert not (tmp_path / "ran").exists()


def test_a_child_without_an_answer_is_an_error() -> None:
    with pytest.raises(MdxError, match=r"no\.such\.module: got no answer, and exit code 1"):
        asyncio.run(run_child("no.such.module", {}))
