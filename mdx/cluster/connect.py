"""The connection to a Dask scheduler, which may be lost and come back, or one started here."""

import asyncio
import json
import logging
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self, cast
from urllib.parse import urlsplit

from mdx.errors import Cancelled, MdxError
from mdx.machine import available_cpus

log = logging.getLogger(__name__)
CONNECT = 5.0  # seconds for the first answer
RETURN = 300.0  # seconds that a lost scheduler may take to come back
PAUSE = 0.5  # seconds between two attempts
NOTICE = 5  # checks for cancelling in such a pause
LOCAL = "local:"
MOST_LOCAL = 64
EXPECTED = "tcp://HOST:PORT, tls://HOST:PORT, a scheduler file, or local:N"
# No profiling, no dashboard and no diagnostics.
QUIET = {
    "distributed.diagnostics.nvml": False,
    "distributed.diagnostics.cudf": False,
    "distributed.worker.profile.enabled": False,
    "distributed.scheduler.http.routes": [],
    "distributed.worker.http.routes": [],
    "distributed.nanny.http.routes": [],
}


class ClusterError(MdxError):
    """A cluster that is missing, or whose workers cannot be used."""


class SchedulerLost(Exception):
    """The scheduler no longer answers; messages in transit are lost."""


class Cluster:
    """A Dask cluster by its address; used by many threads at once."""

    def __init__(self, address: str) -> None:
        """Connect; raises ClusterError within some seconds where there is no scheduler.

        `address` is a scheduler's, the file in which it wrote its address, or `local:N` for N
        workers in processes of this machine, which end with this object.
        """
        self.address = address
        self.threads: int | None = None  # per song; None: each worker divides its own CPUs
        self._lock = threading.Lock()
        self._local: Any = None
        _be_quiet()
        if address.startswith(LOCAL):
            count = _parse_local(address)
            self.threads = max(1, available_cpus() // count)
            self._local = _start_local(count)
        self._client = self._connect()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._client.close(timeout=2)
        if self._local is not None:
            self._local.close(timeout=5)

    @property
    def client(self) -> Any:
        """The current distributed.Client."""
        return self._client

    def check(self, client: Any) -> None:
        """Raise SchedulerLost unless this client is connected."""
        if client.status != "running":
            raise SchedulerLost

    def is_lost(self, client: Any) -> bool:
        """Whether a client has lost its scheduler, or loses it soon: workers may end first."""
        for _ in range(NOTICE):
            if client.status != "running":
                return True
            time.sleep(PAUSE / NOTICE)
        return False

    def renew(self, lost: Any, cancelled: Callable[[], bool]) -> None:
        """Wait for the scheduler to come back after `lost` was lost.

        Raises ClusterError after five minutes, Cancelled where that is asked for.
        """
        with self._lock:
            if self._client is not lost or lost.status == "running":
                return  # another thread has reconnected, or the connection recovered
            log.warning("%s: the scheduler does not answer; waiting for it", self.address)
            lost.close(timeout=1)
            started = time.monotonic()
            while True:
                if cancelled():
                    raise Cancelled(self.address)
                try:
                    self._client = self._connect()
                    return
                except ClusterError:
                    if time.monotonic() - started > RETURN:
                        raise
                time.sleep(PAUSE)

    def _connect(self) -> Any:
        import distributed

        address = self._local.scheduler_address if self._local else _find_address(self.address)
        found = urlsplit(address)
        try:
            # A client that cannot connect takes long to give up.
            if found.scheme in ("tcp", "tls") and found.hostname:
                socket.create_connection((found.hostname, found.port or 0), CONNECT).close()
            _greet(address)
            # Messages of a client that is given up would only repeat what we say.
            make: Any = distributed.Client
            return make(address, timeout=CONNECT, set_as_default=False, name="mdx")
        except Exception as error:  # whatever may be listening there
            raise ClusterError(
                f"cluster {self.address}", got=f"no scheduler ({_cause(error)})",
                expected=f"a Dask scheduler that answers within {CONNECT:g} s",
                hint="docs/cluster.md says how to start one",
            ) from error  # fmt: skip


def _greet(address: str) -> None:
    # Raises unless a Dask server answers in time. In a thread that may be left behind: a server of
    # another kind can keep Dask's handshake waiting for ever.
    from distributed import comm, security

    found: list[Exception | None] = []

    async def greet() -> None:
        options = cast(Any, security).Security().get_connection_args("client")
        (await cast(Any, comm).connect(address, timeout=CONNECT, **options)).abort()

    def run() -> None:
        try:
            asyncio.run(greet())
            found.append(None)
        except Exception as error:
            found.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(CONNECT)
    if not found:
        raise TimeoutError("something else than Dask")
    if found[0] is not None:
        raise found[0]


def _be_quiet() -> None:
    try:
        import dask
        import distributed  # noqa: F401 - it sets up its logging, which is changed below
    except ModuleNotFoundError as error:
        raise ClusterError(
            "--cluster", got=f"no {error.name} here", expected="it, for other machines",
            hint="in a clone of the repository: pip install '.[cluster]'",
        ) from error  # fmt: skip
    dask.config.set(QUIET)
    # Their messages about lost connections, with tracebacks, are replaced by one line here.
    for name in [*logging.root.manager.loggerDict, "asyncio"]:
        if name.split(".")[0] in ("asyncio", "distributed", "tornado"):
            logging.getLogger(name).setLevel(logging.CRITICAL)


def _parse_local(address: str) -> int:
    count = address.removeprefix(LOCAL)
    if not count.isdecimal() or not 1 <= int(count) <= MOST_LOCAL:
        raise ClusterError(
            "--cluster", got=f"'{address}'", expected=f"local:N with N from 1 to {MOST_LOCAL}"
        )
    return int(count)


def _start_local(count: int) -> Any:
    import distributed

    make: Any = distributed.LocalCluster
    with _ctrl_c_ignored():
        return make(
            n_workers=count, threads_per_worker=1, processes=True, dashboard_address=None,
            worker_dashboard_address=None, memory_limit=0, silence_logs=logging.CRITICAL,
            host="127.0.0.1",
            scheduler_kwargs={"dashboard": False, "dashboard_address": "127.0.0.1:0"},
        )  # fmt: skip


@contextmanager
def _ctrl_c_ignored() -> Iterator[None]:
    # By processes that are started meanwhile: a terminal sends it to them too, but they are ended
    # by the client, which it is meant for.
    if threading.current_thread() is not threading.main_thread():  # which alone may change it
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _find_address(address: str) -> str:
    path = Path(address)
    if "://" not in address and (path.suffix == ".json" or path.is_file()):
        try:
            found = json.loads(path.read_text(encoding="utf-8"))["address"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ClusterError(
                f"cluster {path}", got=f"no scheduler file ({_cause(error)})",
                expected="the file that 'dask scheduler --scheduler-file' writes",
            ) from error  # fmt: skip
        return str(found)
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal():
        raise ClusterError("--cluster", got=f"'{address}'", expected=EXPECTED)
    return address if "://" in address else f"tcp://{address}"


def _cause(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return (str(error) or type(error).__name__).splitlines()[0]
