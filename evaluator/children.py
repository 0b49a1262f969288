"""Child processes that cannot exceed their limits: each has a process group, killed as a whole.

Nothing that a child does can keep it alive: SIGKILL to its group (`taskkill /T` on Windows) ends
native code, forks, and handlers of other signals. On Linux, a process that has left the group is
found by a marker in the environment that it inherited, unless it cleared it.
"""

import os
import secrets
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path

from evaluator.disturbances import Disturbance, disturbed
from mdx.cli.environment import MARK
from mdx.errors import Cancelled, MdxError
from mdx.machine import total_memory

ROOT = Path(__file__).resolve().parent.parent
PATIENCE = 10.0  # seconds that a child may take to clean up
POLL = 0.05  # seconds between two polls of a child
MEMORY_POLL = 0.5  # seconds between two polls of its group's memory, which are slower
MEMORY_SHARE = 0.9  # fraction of the machine's memory that one group may use


class Killed(MdxError):
    """A child that exceeded a limit, and was killed with everything it had started."""


@dataclass(frozen=True)
class Limits:
    """What a child may use; `phase` returns what it is doing: setup, song or done."""

    phase: Callable[[], str] = lambda: "song"
    setup: float | None = None  # seconds
    song: float | None = None  # seconds
    memory: int | None = None  # bytes of the group; None: MEMORY_SHARE of the machine's
    cpus: int | None = None  # how many it may use; None: those of this process
    disturbance: Disturbance | None = None  # of the machine, for an audit


class Children:
    """Runs child processes, one at a time, and ends the current one when asked to stop."""

    def __init__(self, cancelled: Callable[[], bool] = lambda: False) -> None:
        """`cancelled` is polled while a child runs."""
        self._cancelled = cancelled

    def run(
        self, command: list[str], env: dict[str, str], song: str, limits: Limits | None = None
    ) -> tuple[int, str]:
        """Run a command until it ends; returns its exit code and its output on stderr.

        Raises Killed if a limit is exceeded, Cancelled on request. The child's stdin is a pipe
        that closes when this process ends, however it ends (a child frozen by a disturbance does
        not notice). No process of its group is left running, nor, on Linux, one that left the
        group but kept its environment.
        """
        limits = limits or Limits()
        if self._cancelled():
            raise Cancelled(song)
        mark = secrets.token_hex(16)
        with tempfile.TemporaryFile() as stderr:  # not a pipe, which a fork may keep open for ever
            child = subprocess.Popen(
                command, cwd=ROOT, env={**env, MARK: mark}, stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL, stderr=stderr, start_new_session=True,
            )  # fmt: skip
            try:
                if limits.cpus is not None and hasattr(os, "sched_setaffinity"):
                    chosen = sorted(os.sched_getaffinity(0))[: limits.cpus]
                    os.sched_setaffinity(child.pid, chosen)
                with (
                    disturbed(child.pid, limits.phase, limits.disturbance)
                    if limits.disturbance
                    else nullcontext()
                ):
                    self._wait(child, song, limits)
            finally:
                kill_group(child)
                kill_orphans(mark)
                assert child.stdin
                child.stdin.close()
            stderr.seek(0)
            return child.returncode, stderr.read().decode(errors="replace")

    def _wait(self, child: subprocess.Popen[bytes], song: str, limits: Limits) -> None:
        phase, since = "setup", time.monotonic()
        allowed = {"setup": limits.setup, "song": limits.song, "done": PATIENCE}
        most = limits.memory or int(MEMORY_SHARE * total_memory())
        looked = 0.0
        while True:
            with suppress(subprocess.TimeoutExpired):
                child.wait(POLL)
                return
            if self._cancelled():
                child.terminate()
                with suppress(subprocess.TimeoutExpired):
                    child.wait(PATIENCE)
                raise Cancelled(song)
            now = time.monotonic()
            if limits.phase() != phase:
                phase, since = limits.phase(), now
            seconds = allowed[phase]
            if seconds is not None and now - since > seconds:
                raise Killed(
                    song,
                    got=f"more than {seconds:g} s in phase '{phase}'",
                    expected="it to end in time",
                )
            if now - looked > MEMORY_POLL:
                looked = now
                if (held := group_memory(child.pid)) > most:
                    raise Killed(
                        song,
                        got=f"{held / 1e9:.1f} GB of memory",
                        expected=f"up to {most / 1e9:.1f}",
                    )


def kill_group(child: subprocess.Popen[bytes]) -> None:
    """Kill a child and everything in its group at once, and wait for it."""
    if os.name == "nt":
        command = ["taskkill", "/F", "/T", "/PID", str(child.pid)]
        subprocess.run(command, capture_output=True, check=False)
    else:
        with suppress(ProcessLookupError, PermissionError):  # gone already
            os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def kill_orphans(mark: str) -> None:
    """Kill every process whose environment has the mark, until none is found."""
    started = time.monotonic()
    while orphans := processes_of(mark):
        for orphan in orphans:
            with suppress(ProcessLookupError, PermissionError):  # gone already
                os.kill(orphan, signal.SIGKILL)
        if time.monotonic() - started > PATIENCE:  # give up: not even the system can end these
            return
        time.sleep(POLL)  # killing takes a moment, and another may just have been forked


def processes_of(mark: str, variable: str = MARK) -> list[int]:
    """The ids of all processes whose environment has the mark; none are found except on Linux."""
    entry, found = f"{variable}={mark}".encode(), []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # ended, or another user's
            if entry in (folder / "environ").read_bytes().split(b"\0"):
                found.append(int(folder.name))
    return found


def group_memory(group: int) -> int:
    """Resident memory of all processes of a group in bytes; 0 where the system does not tell."""
    total = 0
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, IndexError, ValueError):  # the process ended in the meantime
            # After the name, which may contain anything: state, parent, group.
            fields = (folder / "stat").read_text(errors="replace").rpartition(")")[2].split()
            if int(fields[2]) == group:
                total += int((folder / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return total
