"""A Dask cluster of processes: a scheduler, and workers that can be killed, frozen or outdated."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PATIENCE = 60.0  # seconds to wait for one of its processes


class Lab:
    """One scheduler, and any number of workers by name; all end with `close`."""

    def __init__(self, folder: Path) -> None:
        """Start the scheduler, with its file, logs and scratch folders in `folder`."""
        self.folder = folder
        self.address = folder / "scheduler.json"
        self.cache = folder / "cache"  # of the workers
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self.start_scheduler()

    def start_scheduler(self) -> None:
        """Start a scheduler, in place of one that was killed, and wait for its file."""
        self.address.unlink(missing_ok=True)
        file = ["--scheduler-file", str(self.address), "--host", "127.0.0.1"]
        quiet = ["--port", "0", "--no-dashboard", "--dashboard-address", "127.0.0.1:0"]
        self._start("scheduler", "dask_scheduler", [*file, *quiet], ROOT)
        started = time.monotonic()
        while not self.address.exists() or not self.address.read_text().endswith("}"):
            assert time.monotonic() - started < PATIENCE, self.log("scheduler")
            time.sleep(0.05)

    def start_worker(self, name: str, *, code: Path = ROOT, threads: int = 1) -> None:
        """Start a worker with the code of a folder and `threads` songs at once, unless it runs."""
        if name in self._processes:
            return
        options = ["--scheduler-file", str(self.address), "--host", "127.0.0.1", "--no-nanny"]
        options += ["--no-dashboard", "--nthreads", str(threads), "--name", name]
        options += ["--local-directory", str(self.folder / name), "--memory-limit", "0"]
        self._start(name, "dask_worker", options, code)

    def wait_for(self, name: str) -> None:
        """Wait until the scheduler knows a worker."""
        started = time.monotonic()
        while "Registered to" not in self.log(name):
            assert time.monotonic() - started < PATIENCE, self.log(name)
            time.sleep(0.05)

    def kill(self, name: str, number: signal.Signals = signal.SIGKILL) -> None:
        """Kill a process, or send it another signal."""
        process = self._processes[name]
        process.send_signal(number)
        if number == signal.SIGKILL:
            process.wait(PATIENCE)
            del self._processes[name]

    def keep(self, *names: str) -> None:
        """Run exactly these workers, each with one thread."""
        for name in set(self._processes) - {"scheduler", *names}:
            self.kill(name)
        for name in names:
            self.start_worker(name)

    def log(self, name: str) -> str:
        """The output of a process."""
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def close(self) -> None:
        """End all processes."""
        for name in list(self._processes):
            self.kill(name)

    def _start(self, name: str, module: str, options: list[str], code: Path) -> None:
        command = [sys.executable, "-m", f"distributed.cli.{module}", *options]
        own = {"PYTHONPATH": str(code), "XDG_CACHE_HOME": str(self.cache)}
        env = {**os.environ, **own, "DASK_CONFIG": str(self.folder / "config")}
        with (self.folder / f"{name}.log").open("wb") as log:
            self._processes[name] = subprocess.Popen(
                command, cwd=self.folder, env=env, stdout=log, stderr=log
            )
