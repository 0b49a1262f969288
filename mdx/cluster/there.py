"""What runs on a worker: plain values in, plain values out.

Dask names functions by pickle; all that they are given and return here is text, numbers and bytes.
Files lie in a folder for each song, which is removed with it, weights in a store that stays.
"""

import asyncio
import importlib
import json
import platform
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from mdx.cluster.files import TOKEN, UnsafeName, checked, describe_folder, place_in
from mdx.cluster.store import append, keep_file, look_for, place_system, read_part
from mdx.cluster.version import versions
from mdx.errors import MdxError
from mdx.machine import available_cpus, cpu_model
from mdx.systems.spec import MODELS

versions()  # at the worker's start, before its code may change on the disk
# Who does a song: a module with `code()`, which is compared, and `work(song)`.
TASKS = {"separate": "mdx.cluster.separation", "evaluate": "evaluator.elsewhere"}


@dataclass(frozen=True)
class WorkerSong:
    """One song on a worker."""

    request: dict[str, Any]  # the parameters of the task
    system: Path  # the YAML of the system, next to its weights
    song: Path
    results: Path  # the folder of results, which is sent back
    threads: int
    cancelled: Callable[[], bool]


async def tell(task: str) -> str:
    """The versions that must be equal on both sides of a task, as JSON."""
    return json.dumps({**versions(), **await asyncio.to_thread(_module(task).code)})


async def prepare(text: str) -> str:
    """Look for the files of a song; returns JSON: the shared ones, and the missing ones."""
    return json.dumps(await asyncio.to_thread(look_for, text))


async def receive(
    token: str, sha256: str, offset: int, data: bytes, dask_worker: Any = None
) -> None:
    """Receive the next bytes of a file."""
    part = _room(dask_worker, token) / f"{checked(sha256)}.part"
    await asyncio.to_thread(append, part, offset, data)


async def keep(token: str, sha256: str, name: str | None, dask_worker: Any = None) -> None:
    """Verify a received file; keep it in the store, or as the song's file of that name."""
    room = _room(dask_worker, token)
    await asyncio.to_thread(keep_file, room, checked(sha256), name)


async def send(token: str, name: str, offset: int, count: int, dask_worker: Any = None) -> bytes:
    """Bytes of one of the results."""
    path = place_in(_room(dask_worker, token) / "results", name)
    return await asyncio.to_thread(read_part, path, offset, count)


async def forget(token: str, dask_worker: Any = None) -> None:
    """Remove the files of a song."""
    room = _room(dask_worker, token)
    await asyncio.to_thread(partial(shutil.rmtree, room, ignore_errors=True))


def work(token: str, task: str, text: str) -> str:
    """Process the prepared song; returns JSON: the task's answer, the files, and the machine."""
    from distributed import get_worker

    worker: Any = get_worker()
    key = worker.get_current_task()
    room, asked = _room(worker, token), json.loads(text)
    system = place_system(asked["system"])
    song = (
        Path(asked["shared_song"]) if asked["shared_song"] else room / "song" / asked["song_name"]
    )
    results = Path(asked["shared_out"]) if asked["shared_out"] else room / "results"
    cpus = available_cpus()
    here = WorkerSong(
        asked["request"], system, song, results,
        asked["threads"] or max(1, cpus // worker.state.nthreads), lambda: _withdrawn(worker, key),
    )  # fmt: skip
    started = time.perf_counter()
    answer = _module(task).work(here)
    where = {
        "host": platform.node(), "cpu": cpu_model(), "cpus": cpus, "threads": here.threads,
        "seconds": round(time.perf_counter() - started, 3),
    }  # fmt: skip
    return json.dumps({"answer": answer, "files": describe_folder(results), "machine": where})


def _module(task: str) -> Any:
    root = str(Path(MODELS).parent)
    if root not in sys.path:  # a worker may be started in any folder
        sys.path.insert(0, root)
    try:
        return importlib.import_module(TASKS[task])
    except ModuleNotFoundError as error:
        raise MdxError(
            f"task '{task}'", got=f"no {error.name} on the worker", expected="a clone of the "
            "repository there, in which 'pip install --editable .' was run",
        ) from error  # fmt: skip


def _withdrawn(worker: Any, key: Any) -> bool:
    # The client has cancelled it or is gone; a closing worker has lost its scheduler.
    task = worker.state.tasks.get(key)
    return task is None or task.state == "cancelled" or worker.status.name.startswith("clos")


def _room(worker: Any, token: str) -> Path:
    if not TOKEN.fullmatch(token):
        raise UnsafeName("token", got=repr(token), expected="16 hex digits")
    return Path(worker.local_directory) / "mdx" / token
