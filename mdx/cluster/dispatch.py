"""Processes one song on a worker, with everything it needs, and on another if that fails."""

import json
import logging
import os
import secrets
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mdx.cluster.there as there
from mdx.audio.drafts import claim, draft_path, put_in_place
from mdx.cluster.connect import Cluster, ClusterError, SchedulerLost
from mdx.cluster.drafts import LOCK, draft_folder
from mdx.cluster.files import digest, has_digest, place_in
from mdx.cluster.pack import Pack
from mdx.cluster.remote import Remote, WorkerLost
from mdx.cluster.workers import HUNG, Workers
from mdx.errors import AudioError, Cancelled, MdxError, OutputError
from mdx.files import draft_of, remove

log = logging.getLogger(__name__)
TRIES = 3
MOST_RESTARTS = 50  # of a scheduler during one song


class SongLost(MdxError):
    """A song for which three workers failed."""


@dataclass(frozen=True)
class Request:
    """A song to process on another machine."""

    name: str  # in messages
    song: Path
    song_name: str  # its path in the job's folder on a worker that cannot read the original
    system: Pack
    details: Mapping[str, Any]  # for the task, as JSON values
    out: Path  # folder of the results and of their drafts
    threads: int | None = None  # None: as the worker divides its CPUs
    patience: float | None = None  # seconds after which it hangs


@dataclass(frozen=True)
class Response:
    """The response of a worker."""

    value: Any  # the task's
    folder: Path  # local folder with all results, verified; removed after the block
    machine: dict[str, Any]


class Dispatcher:
    """Sends songs to workers; each song in progress has a thread that uses it."""

    def __init__(
        self, cluster: Cluster, task: str, here: Mapping[str, str], *, hung: float = HUNG
    ) -> None:
        """`task` is one of mdx.cluster.there.TASKS, `here` the version that workers must have."""
        self.cluster, self._task = cluster, task
        self.workers = Workers(cluster, task, here, hung=hung)
        self._bringing: dict[tuple[str, str], threading.Lock] = {}
        self._lock = threading.Lock()

    @contextmanager
    def done(self, request: Request, cancelled: Callable[[], bool]) -> Iterator[Response]:
        """Have a song done; a worker that is lost, or has no room, costs it one of three tries.

        Raises SongLost where they are used up, or the task's own MdxError where it raised one on
        each; ClusterError where no worker can be used or no scheduler comes back; OutputError for
        `out`; Cancelled where that is asked for.
        """
        folder = draft_folder(request.out)
        with _claim(folder):
            try:
                yield self._try(request, folder, cancelled)
            finally:
                shutil.rmtree(folder, ignore_errors=True)

    def _try(self, request: Request, folder: Path, cancelled: Callable[[], bool]) -> Response:
        failed: dict[str, str] = {}
        tries = restarts = 0
        while True:
            client = self.cluster.client
            address = "no worker"
            try:
                with self.workers.one(failed, cancelled) as (client, address):
                    remote = Remote(
                        self.cluster, client, address,
                        lambda: self.workers.alive(client, address), cancelled,  # noqa: B023
                    )  # fmt: skip
                    return self._perform(remote, request, folder)
            except SchedulerLost:
                restarts += 1
                if restarts > MOST_RESTARTS:
                    raise ClusterError(
                        request.name, got=f"a scheduler that was lost {restarts} times",
                        expected="one that stays",
                    ) from None  # fmt: skip
                self.cluster.renew(client, cancelled)
            except WorkerLost as error:
                if self.cluster.is_lost(client):  # the worker has ended with its scheduler
                    continue
                failed[address] = str(error)
                tries += 1
                if tries == TRIES:
                    raise _final(request, address, error) from error
                log.warning(
                    "%s: worker %s failed (%s); try %d of %d",
                    request.name, address, error, tries + 1, TRIES,
                )  # fmt: skip

    def _perform(self, remote: Remote, request: Request, folder: Path) -> Response:
        token, probe = secrets.token_hex(8), secrets.token_hex(8)
        shared = folder / token  # one per try: a lost worker may continue
        _make(shared, probe)
        try:
            asked = self._prepare(remote, request, token, shared, probe)
            told = remote.work(token, self._task, asked, request.patience)
            if not asked["shared_out"]:
                for name, (size, sha256) in told["files"].items():
                    remote.fetch(token, name, size, sha256, shared)
            for name, (_, sha256) in told["files"].items():
                if not has_digest(place_in(shared, name), sha256):
                    raise WorkerLost(f"'{name}' that is not here as it was written there")
            return Response(told["answer"], shared, {**told["machine"], "worker": remote.address})
        finally:
            with suppress(Exception):  # the worker or the scheduler may be lost
                remote.client.run(
                    there.forget, token, workers=[remote.address], callback_timeout=5.0
                )

    def _prepare(
        self, remote: Remote, request: Request, token: str, shared: Path, probe: str
    ) -> dict[str, Any]:
        try:
            sha256 = digest(request.song)
        except OSError as error:
            raise AudioError(
                request.song, got=error.strerror, expected="a readable file"
            ) from error
        question = {
            "song": {"path": song_seen_at(request.song), "sha256": sha256},
            "out": {"folder": seen_at(shared), "probe": probe},
            "system": request.system.message,
        }
        found = json.loads(remote.call(there.prepare, json.dumps(question)))
        (shared / f"{probe}.probe").unlink()
        for missing in found["missing"]:
            if missing in request.system.files:  # otherwise the runtime reports it as missing
                self._bring_weights(remote, token, missing, request, question)
        if not found["song"]:
            remote.bring(token, sha256, request.song, request.song_name)
        return {
            "request": dict(request.details),
            "system": request.system.message,
            "shared_song": song_seen_at(request.song) if found["song"] else None,
            "song_name": request.song_name,
            "shared_out": seen_at(shared) if found["out"] else None,
            "threads": request.threads,
        }

    def _bring_weights(
        self, remote: Remote, token: str, sha256: str, request: Request, question: dict[str, Any]
    ) -> None:
        # Once per worker, although several of its songs may request them at the same time.
        with self._lock:
            lock = self._bringing.setdefault((remote.address, sha256), threading.Lock())
        with lock:
            found = json.loads(remote.call(there.prepare, json.dumps(question)))
            if sha256 in found["missing"]:
                remote.bring(token, sha256, request.system.files[sha256], None)


def _final(request: Request, address: str, error: WorkerLost) -> MdxError:
    cause = error.__cause__
    if isinstance(cause, MdxError) and not isinstance(cause, OutputError | Cancelled):
        return cause.within(f"worker {address}")  # of the task, as on one machine
    return SongLost(
        request.name, got=f"{TRIES} tries that failed, the last on worker {address}: {error}",
        expected="a worker that does it", hint="look at the worker, and resume",
    )  # fmt: skip


def seen_at(path: Path) -> str:
    """The path at which a worker looks for a folder of a shared file system."""
    return str(path.resolve())


def song_seen_at(path: Path) -> str:
    """The path at which a worker looks for a song; links keep their names, which are the song's."""
    return os.path.abspath(path)  # noqa: PTH100


def move_all(places: Mapping[Path, Path]) -> None:
    """Replace files or folders by others: all of them, or none.

    Raises OutputError.
    """
    for source, target in places.items():
        if target.is_dir() and not source.is_dir():
            raise OutputError(target, got="a directory", expected="the name of a file")
    drafts = {
        target: draft_of(target) if source.is_dir() else draft_path(target)
        for source, target in places.items()
    }
    try:
        for source, target in places.items():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(source, drafts[target])  # perhaps to another disk
        put_in_place(drafts)
    except OSError as error:
        got = error.strerror or str(error)
        raise OutputError(
            error.filename or "results", got=got, expected="a place to write to"
        ) from error
    finally:
        for draft in drafts.values():
            remove(draft)


def _claim(folder: Path) -> AbstractContextManager[object]:
    try:
        folder.mkdir(parents=True)
        return claim(folder / LOCK)
    except OSError as error:
        raise OutputError(folder, got=error.strerror, expected="a writable folder") from error


def _make(folder: Path, probe: str) -> None:
    try:
        folder.mkdir(parents=True)
        (folder / f"{probe}.probe").touch()
    except OSError as error:
        raise OutputError(folder, got=error.strerror, expected="a writable folder") from error
