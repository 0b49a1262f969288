"""What may happen to a machine in mid-song: it is slow, stands still, is busy, or becomes smaller.

A disturbance is called in a thread, with a process group, the group's phase (setup, song or done),
and an event that tells when it is over.
"""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from mdx.errors import ConfigError

PERIOD = 0.04  # seconds of running and stopping in turn; chunks take longer
POLL = 0.02  # seconds

# Computes until its stdin ends, that is, no longer than the process that holds it.
BUSY = """
import os, sys, threading
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
while True:
    pass
"""

Phase = Callable[[], str]
Disturbance = Callable[[int, Phase, threading.Event], None]


@contextmanager
def disturbed(group: int, phase: Phase, disturbance: Disturbance) -> Iterator[None]:
    """Let a disturbance act upon a process group while inside; the group is left running."""
    ended = threading.Event()
    thread = threading.Thread(target=disturbance, args=(group, phase, ended), daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def slower(times: float, *, after: float | None = None) -> Disturbance:
    """A machine so many times slower: the process group is stopped for most of every period.

    From the start, or from `after` seconds into the song. Clocks go on. Raises ConfigError where
    the system cannot stop processes.
    """
    if not hasattr(signal, "SIGSTOP"):
        raise ConfigError("slowdown", got=f"{times:g}", expected="1 on this system")

    def act(group: int, phase: Phase, ended: threading.Event) -> None:
        """Disturb a process group, as Disturbance has it."""
        if after is not None and not _reached(phase, after, ended):
            return
        running = PERIOD / times
        while not ended.wait(running):
            _signal(group, signal.SIGSTOP)
            ended.wait(PERIOD - running)
            _signal(group, signal.SIGCONT)

    return act


def frozen(seconds: float, *, after: float) -> Disturbance:
    """A machine that stands still once, `after` seconds into the song."""

    def act(group: int, phase: Phase, ended: threading.Event) -> None:
        """Disturb a process group, as Disturbance has it."""
        if _reached(phase, after, ended) and phase() == "song":
            _signal(group, signal.SIGSTOP)
            ended.wait(seconds)
            _signal(group, signal.SIGCONT)

    return act


def busy(processes: int, *, after: float) -> Disturbance:
    """Other processes that compute all the time, from `after` seconds into the song."""

    def act(group: int, phase: Phase, ended: threading.Event) -> None:  # noqa: ARG001
        """Disturb a process group, as Disturbance has it."""
        if not _reached(phase, after, ended):
            return
        command = [sys.executable, "-c", BUSY]
        others = [subprocess.Popen(command, stdin=subprocess.PIPE) for _ in range(processes)]
        ended.wait()
        for other in others:
            other.kill()
            other.communicate()

    return act


def lost_cpus(left: int, *, after: float) -> Disturbance:
    """All but so many CPUs are taken away, `after` seconds into the song; on Linux only."""

    def act(group: int, phase: Phase, ended: threading.Event) -> None:
        """Disturb a process group, as Disturbance has it."""
        if not _reached(phase, after, ended):
            return
        for thread in _threads(group):
            with suppress(OSError):  # it has ended
                os.sched_setaffinity(thread, sorted(os.sched_getaffinity(thread))[:left])

    return act


def capped_memory(megabytes: float, *, after: float) -> Disturbance:
    """From `after` seconds into the song, so much more memory may be asked for; on Linux only."""

    def act(group: int, phase: Phase, ended: threading.Event) -> None:
        """Disturb a process group, as Disturbance has it."""
        if not _reached(phase, after, ended):
            return
        import resource

        with suppress(OSError):  # it has ended
            pages = int(Path(f"/proc/{group}/statm").read_text(encoding="ascii").split()[0])
            most = pages * os.sysconf("SC_PAGE_SIZE") + int(megabytes * 1e6)
            resource.prlimit(group, resource.RLIMIT_AS, (most, most))

    return act


def together(acts: Sequence[Disturbance]) -> Disturbance:
    """All of these at once."""

    def act(group: int, phase: Phase, ended: threading.Event) -> None:
        """Disturb a process group, as Disturbance has it."""
        threads = [threading.Thread(target=one, args=(group, phase, ended)) for one in acts]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    return act


def _threads(group: int) -> list[int]:
    # Of the process that leads the group: a submission has no other one.
    with suppress(OSError):
        return [int(task.name) for task in Path(f"/proc/{group}/task").iterdir()]
    return []


def _reached(phase: Phase, after: float, ended: threading.Event) -> bool:
    while phase() == "setup":
        if ended.wait(POLL):
            return False
    return not ended.wait(after)


def _signal(group: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)
