"""Disturbances of the machine during a song: it slows down, freezes, is busy, or shrinks.

A disturbance is called in a thread of its own, with a process group, a function that returns the
group's phase (setup, song or done), and an event that is set when the disturbance must end. A
machine that was slow or busy is not any more once the song is done.
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

PERIOD = 0.04  # seconds of one cycle of running and pausing, shorter than a chunk
POLL = 0.02  # seconds

# Keeps one CPU busy until its stdin closes, that is, until its parent ends at the latest.
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
    """Disturb a process group for the duration of the block; it runs normally afterwards."""
    ended = threading.Event()
    thread = threading.Thread(target=disturbance, args=(group, phase, ended), daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def slower(times: float, *, after: float | None = None) -> Disturbance:
    """Slow the machine down by a factor, by pausing the process group for part of every period.

    It starts at once, or `after` seconds into the song; clocks keep running. Raises ConfigError
    if the system cannot pause processes. Where the data no longer is in the CPU's caches after a
    pause, the machine becomes slower still.
    """
    if not hasattr(signal, "SIGSTOP"):
        raise ConfigError("slowdown", got=f"{times:g}", expected="1 on this system")

    def act(group: int, phase: Phase, ended: threading.Event) -> None:
        """Pause and continue the group in every period."""
        if after is not None and not _reached(phase, after, ended):
            return
        running = PERIOD / times
        while not _over(phase, ended, running):
            _signal(group, signal.SIGSTOP)
            ended.wait(PERIOD - running)
            _signal(group, signal.SIGCONT)

    return act


def frozen(seconds: float, *, after: float) -> Disturbance:
    """Freeze the machine once, `after` seconds into the song, for `seconds`."""

    def act(group: int, phase: Phase, ended: threading.Event) -> None:
        """Pause the group once."""
        if _reached(phase, after, ended) and phase() == "song":
            _signal(group, signal.SIGSTOP)
            ended.wait(seconds)
            _signal(group, signal.SIGCONT)

    return act


def busy(processes: int, *, after: float) -> Disturbance:
    """Run other processes that never idle, from `after` seconds into the song, on its CPUs."""

    def act(group: int, phase: Phase, ended: threading.Event) -> None:
        """Run the other processes until the song is done."""
        if not _reached(phase, after, ended):
            return
        command = [sys.executable, "-c", BUSY]
        others = [subprocess.Popen(command, stdin=subprocess.PIPE) for _ in range(processes)]
        if hasattr(os, "sched_setaffinity"):  # on any other CPU they would disturb nothing
            with suppress(OSError):  # the song has ended
                cpus = os.sched_getaffinity(group)
                for other in others:
                    os.sched_setaffinity(other.pid, cpus)
        while not _over(phase, ended, POLL):
            pass
        for other in others:
            other.kill()
            other.communicate()

    return act


def lost_cpus(left: int, *, after: float) -> Disturbance:
    """Leave the process only `left` of its CPUs, `after` seconds into the song; Linux only."""

    def act(group: int, phase: Phase, ended: threading.Event) -> None:
        """Restrict the CPU affinity of every thread."""
        if not _reached(phase, after, ended):
            return
        for thread in _threads(group):
            with suppress(OSError):  # it has ended
                os.sched_setaffinity(thread, sorted(os.sched_getaffinity(thread))[:left])

    return act


def capped_memory(megabytes: float, *, after: float) -> Disturbance:
    """Allow only `megabytes` more of memory, from `after` seconds into the song; Linux only."""

    def act(group: int, phase: Phase, ended: threading.Event) -> None:
        """Limit the address space of the process."""
        if not _reached(phase, after, ended):
            return
        import resource

        with suppress(OSError):  # it has ended
            pages = int(Path(f"/proc/{group}/statm").read_text(encoding="ascii").split()[0])
            most = pages * os.sysconf("SC_PAGE_SIZE") + int(megabytes * 1e6)
            resource.prlimit(group, resource.RLIMIT_AS, (most, most))

    return act


def together(acts: Sequence[Disturbance]) -> Disturbance:
    """Combine disturbances, all of which act at the same time."""

    def act(group: int, phase: Phase, ended: threading.Event) -> None:
        """Run each disturbance in a thread."""
        threads = [threading.Thread(target=one, args=(group, phase, ended)) for one in acts]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    return act


def _threads(group: int) -> list[int]:
    # The threads of the group's leader: a submission has no other process.
    with suppress(OSError):
        return [int(task.name) for task in Path(f"/proc/{group}/task").iterdir()]
    return []


def _reached(phase: Phase, after: float, ended: threading.Event) -> bool:
    while phase() == "setup":
        if ended.wait(POLL):
            return False
    return not ended.wait(after)


def _over(phase: Phase, ended: threading.Event, seconds: float) -> bool:
    # Whether the song is over, after so many seconds.
    return ended.wait(seconds) or phase() == "done"


def _signal(group: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)
