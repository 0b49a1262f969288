"""Worker processes: one that is killed ends the work, and none outlives its parent."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mdx.errors import ProcessError
from mdx.processes import worker_processes

PATIENCE = 60  # seconds until a process that should be gone counts as left behind
PARENT = """
import sys
from tests.mdx.test_processes import report_and_wait
from mdx.processes import worker_processes
if __name__ == "__main__":
    with worker_processes(2, work="songs") as pool:
        list(pool.map(report_and_wait, [sys.argv[1]] * 2))
"""


def report_and_wait(folder: str) -> None:
    """Say by a file's name which process this is, and work for ever."""
    (Path(folder) / f"{os.getpid()}").touch()
    time.sleep(3600)


def double(number: int) -> int:
    """Some work."""
    return 2 * number


def exists(process: int) -> bool:
    """Whether a process is there, and is not only waiting to be collected."""
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_work_is_divided_and_the_processes_end() -> None:
    with worker_processes(2, work="numbers") as pool:
        assert list(pool.map(double, range(5))) == [0, 2, 4, 6, 8]
    assert multiprocessing.active_children() == []


def test_a_process_that_is_killed_is_one_line() -> None:
    message = r"^numbers: got a process that was killed, expected 2 that finish; .*--jobs$"
    with pytest.raises(ProcessError, match=message), worker_processes(2, work="numbers") as pool:
        list(pool.map(os._exit, [9]))


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_processes_end_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    folder, script = tmp_path / "workers", tmp_path / "parent.py"
    folder.mkdir()
    script.write_text(PARENT)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen([sys.executable, str(script), str(folder)], env=environment) as parent:
        end = time.monotonic() + PATIENCE
        while len(workers := [int(path.name) for path in folder.iterdir()]) < 2:
            assert parent.poll() is None and time.monotonic() < end
            time.sleep(0.05)
        assert all(map(exists, workers))
        parent.send_signal(signal.SIGKILL)
    end = time.monotonic() + PATIENCE
    while left := [worker for worker in workers if exists(worker)]:
        assert time.monotonic() < end, left
        time.sleep(0.05)
