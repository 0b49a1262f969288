"""Children that hang, fork, ignore signals or fill the memory: all end at their limit."""

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import nullcontext, suppress
from pathlib import Path

import pytest

from evaluator.children import Children, Killed, Limits, group_memory
from evaluator.disturbances import (
    busy,
    capped_memory,
    frozen,
    lost_cpus,
    slower,
    together,
)

posix = pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
HANGS = {
    "in native code that holds the interpreter": "import ctypes; ctypes.PyDLL(None).sleep(60)",
    "deaf to termination": """
import signal, time
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    signal.signal(number, signal.SIG_IGN)
while True:
    time.sleep(1)
""",
    "with a fork that holds stderr": """
import os, time
if os.fork():
    time.sleep(60)
time.sleep(60)
""",
}


def run(code: str, limits: Limits | None = None) -> tuple[int, str]:
    return Children().run([sys.executable, "-c", code], dict(os.environ), "song", limits)


def is_alive(pid: int) -> bool:
    with suppress(OSError, IndexError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def assert_ended(pids: set[int]) -> None:
    patience = time.monotonic() + 5  # the system needs a moment to reap killed processes
    while any(map(is_alive, pids)) and time.monotonic() < patience:
        time.sleep(0.01)
    assert pids and not any(map(is_alive, pids))


def write_pid(path: Path) -> str:
    return f"import os; open({str(path)!r}, 'a').write(f'{{os.getpid()}}\\n')\n"


@posix
@pytest.mark.parametrize("hang", HANGS)
def test_a_hanging_child_is_killed(hang: str, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    fork = f"child = os.fork()\nopen({str(pids)!r}, 'a').write(f'{{child}}\\n')\nif child:"
    code = write_pid(pids) + HANGS[hang].replace("if os.fork():", fork)
    started = time.monotonic()
    with pytest.raises(
        Killed, match=r"song: got more than 0\.7 s in phase 'song', expected it to end in time"
    ):
        run(code, Limits(song=0.7))
    assert time.monotonic() - started < 10
    assert_ended({int(line) for line in pids.read_text().split()} - {0})


@posix
def test_a_child_s_own_children_end_with_it(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    code = f"""
import os, time
if os.fork() == 0:
    open({str(pids)!r}, "w").write(str(os.getpid()))
    time.sleep(60)
while not os.path.exists({str(pids)!r}) or not open({str(pids)!r}).read():
    time.sleep(0.01)
"""
    assert run(code) == (0, "")
    assert_ended({int(pids.read_text())})


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
@pytest.mark.parametrize("ending", ["", "time.sleep(60)"])
def test_a_daemon_that_left_the_group_ends_too(ending: str, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    code = f"""
import os, signal, time
if os.fork() == 0:
    os.setsid()
    if os.fork():
        os._exit(0)
    open({str(pids)!r}, "w").write(f"{{os.getpid()}}\\n")
    time.sleep(60)
while not os.path.exists({str(pids)!r}) or "\\n" not in open({str(pids)!r}).read():
    time.sleep(0.01)
{ending}
"""
    with pytest.raises(Killed) if ending else nullcontext():
        run(code, Limits(song=1.5) if ending else None)
    assert_ended({int(pids.read_text())})


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
def test_a_child_that_fills_the_memory_is_killed() -> None:
    code = "import time; data = bytearray(b'x') * 300_000_000; time.sleep(60)"
    with pytest.raises(Killed, match=r"GB of memory, expected up to 0\.2"):
        run(code, Limits(memory=200_000_000))
    assert 1e6 < group_memory(os.getpgid(0)) < 1e11


def test_each_phase_has_its_own_limit() -> None:
    started = time.monotonic()
    limits = Limits(
        lambda: "setup" if time.monotonic() - started < 1 else "song", setup=30, song=0.5
    )
    with pytest.raises(Killed, match=r"got more than 0\.5 s in phase 'song'"):
        run("import time; time.sleep(60)", limits)
    with pytest.raises(Killed, match=r"got more than 0\.5 s in phase 'setup'"):
        run("import time; time.sleep(60)", Limits(lambda: "setup", setup=0.5, song=30))


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="needs CPU affinity")
def test_a_child_can_be_limited_to_one_cpu() -> None:
    code = (
        "import os, sys, time; time.sleep(.2); sys.stderr.write(str(len(os.sched_getaffinity(0))))"
    )
    assert run(code, Limits(cpus=1)) == (0, "1")


def states(disturbance_of: str, tmp_path: Path, seconds: float = 1.0) -> list[str]:
    """The states of a child while a disturbance acted on it."""
    pid_file, seen = tmp_path / "pid", []
    disturbance = {
        "slower": slower(10), "late": slower(10, after=60), "frozen": frozen(0.8, after=0.1),
    }[disturbance_of]  # fmt: skip

    def watch() -> None:
        while not pid_file.exists() or not pid_file.read_text().endswith("\n"):
            time.sleep(0.01)
        pid = int(pid_file.read_text())
        ended = time.monotonic() + seconds
        while time.monotonic() < ended:
            stat = Path(f"/proc/{pid}/stat").read_text()
            seen.append(stat.rpartition(")")[2].split()[0])
            time.sleep(0.003)
        os.kill(pid, signal.SIGKILL)

    thread = threading.Thread(target=watch)
    thread.start()
    limits = Limits(lambda: "song" if pid_file.exists() else "setup", disturbance=disturbance)
    run(write_pid(pid_file) + "while True: pass", limits)
    thread.join()
    return seen


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
@pytest.mark.parametrize(
    ("disturbance", "least", "most"),
    [("slower", 0.5, 1.0), ("late", 0.0, 0.0), ("frozen", 0.4, 1.0)],
)
def test_a_disturbed_machine_freezes(
    disturbance: str, least: float, most: float, tmp_path: Path
) -> None:
    seen = states(disturbance, tmp_path)
    assert least <= seen.count("T") / len(seen) <= most


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="needs SIGSTOP")
def test_a_machine_is_itself_again_once_the_song_is_done() -> None:
    command = [sys.executable, "-c", "import time; time.sleep(60)"]
    with subprocess.Popen(command, start_new_session=True) as child:
        for act in (slower(10), busy(1, after=0.0)):
            phases = iter(["song"] * 5)
            act(child.pid, lambda: next(phases, "done"), threading.Event())  # noqa: B023
            assert next(phases, None) is None
        child.kill()


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
def test_a_machine_loses_cpus_and_memory_during_a_song() -> None:
    code = (
        "import os, sys, time\n"
        "while len(os.sched_getaffinity(0)) > 1: time.sleep(.01)\n"
        "time.sleep(0.3)\n"
        "try: bytearray(10**9)\n"
        "except MemoryError: sys.stderr.write('refused')"
    )
    shrunk = together([lost_cpus(1, after=0.1), capped_memory(100, after=0.0)])
    assert run(code, Limits(disturbance=shrunk)) == (0, "refused")


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
def test_a_busy_machine_is_idle_again_afterwards(tmp_path: Path) -> None:
    # The busy process is the other child of this one.
    code = f"""
import os, time
children = "/proc/{os.getpid()}/task"
time.sleep(0.5)
pids = {{
    int(pid) for task in os.listdir(children)
    for pid in open(f"{{children}}/{{task}}/children").read().split()
}}
busy = [
    pid for pid in pids - {{os.getpid()}}
    if "while True" in open(f"/proc/{{pid}}/cmdline").read()
]
with open({str(tmp_path / "seen")!r}, "w") as file:
    for pid in busy:
        print(pid, len(os.sched_getaffinity(pid)), file=file)
"""
    assert run(code, Limits(cpus=1, disturbance=busy(1, after=0.0))) == (0, "")
    (line,) = (tmp_path / "seen").read_text().splitlines()
    pid, cpus = map(int, line.split())
    assert cpus == 1  # those of the song, which it is to disturb
    assert_ended({pid})
    assert not [thread for thread in threading.enumerate() if "act" in thread.name]
