"""One worker as seen by the client: calls, file transfers, and processing a song."""

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mdx.cluster.there as there
from mdx.cluster.connect import Cluster, SchedulerLost
from mdx.cluster.files import CHUNK, has_digest, place_in
from mdx.errors import Cancelled, MdxError, OutputError
from mdx.files import replacing

PATIENCE = 60.0  # seconds for a call, of which the longest transfers a chunk or hashes a song
POLL = 0.2  # seconds between two checks of a worker


class WorkerLost(Exception):
    """The worker died, hangs, or failed; the text says which."""


@dataclass(frozen=True)
class Remote:
    """A worker, through one connection to the scheduler."""

    cluster: Cluster
    client: Any  # distributed.Client
    address: str
    alive: Callable[[], bool]
    cancelled: Callable[[], bool]

    def call(self, function: Callable[..., Any], *values: object) -> Any:
        """Run a function of mdx.cluster.there beside the songs at work; returns what it does.

        Raises WorkerLost, SchedulerLost or Cancelled.
        """
        if self.cancelled():
            raise Cancelled(self.address)
        try:
            answers = self.client.run(
                function, *values, workers=[self.address], callback_timeout=PATIENCE
            )
            return answers[self.address]
        except Exception as error:  # from Dask, the network, or the worker's disk
            raise self._lost(error) from error

    def bring(self, token: str, sha256: str, path: Path, name: str | None) -> None:
        """Copy a file to the worker, in chunks: a song by its name, or weights to be kept."""
        try:
            with path.open("rb") as file:
                offset = 0
                while data := file.read(CHUNK):
                    self.call(there.receive, token, sha256, offset, data)
                    offset += len(data)
                if not offset:
                    self.call(there.receive, token, sha256, 0, b"")
        except OSError as error:
            raise MdxError(path, got=error.strerror, expected="a readable file") from error
        self.call(there.keep, token, sha256, name)

    def fetch(self, token: str, name: str, size: int, sha256: str, folder: Path) -> None:
        """Copy one of the results into a folder here, and verify it; raises OutputError."""
        path = place_in(folder, name)
        try:
            with replacing(path) as draft, draft.open("wb") as file:
                for offset in range(0, size, CHUNK):
                    file.write(
                        self.call(there.send, token, name, offset, min(CHUNK, size - offset))
                    )
        except OSError as error:
            raise OutputError(path, got=error.strerror, expected="room for the stems") from error
        if not has_digest(path, sha256):
            raise WorkerLost(f"'{name}' that is not what was written there")

    def work(self, token: str, task: str, asked: dict[str, Any], patience: float | None) -> Any:
        """Let the worker process the song, optionally with a timeout; returns its response."""
        future = self.client.submit(
            there.work, token, task, json.dumps(asked), key=f"{task}-{token}", pure=False,
            workers=[self.address], allow_other_workers=False,
        )  # fmt: skip
        done = threading.Event()
        future.add_done_callback(lambda _: done.set())
        started = time.monotonic()
        try:
            while not done.wait(POLL):
                if self.cancelled():
                    raise Cancelled(asked["song_name"])
                self.cluster.check(self.client)
                if not self.alive():
                    raise WorkerLost("it is gone, or hangs")
                if patience is not None and time.monotonic() - started > patience:
                    raise WorkerLost(f"it took more than {patience:g} s")
            return json.loads(self._result(future))
        finally:
            future.cancel()

    def _result(self, future: Any) -> str:
        try:
            text: str = future.result(timeout=PATIENCE)
            return text
        except Exception as error:  # as in call, or from the task
            if future.status in ("cancelled", "lost"):  # and not by us
                raise SchedulerLost from error
            raise self._lost(error) from error

    def _lost(self, error: Exception) -> WorkerLost:
        self.cluster.check(self.client)  # a lost scheduler is not the worker's fault
        if isinstance(error, MdxError):
            return WorkerLost(str(error))
        return WorkerLost(f"{type(error).__name__} {error}".strip())
