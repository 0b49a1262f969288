"""A server in a process of its own, and a client for it."""

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
FINISHED = ("done", "failed", "cancelled")
PATIENCE = 90.0  # seconds; the machine may be busy with other things


class Client:
    """Requests to a server, each on a connection of its own."""

    def __init__(self, port: int, system: str = "demo") -> None:
        """`system` is the name of the one that songs are separated by."""
        self.port, self.system = port, system

    def ask(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, http.client.HTTPMessage, bytes]:
        """Status, headers and body of an answer; a mapping is sent as JSON."""
        sent = json.dumps(body) if isinstance(body, dict) else body
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request(method, path, sent, dict(headers or {}))
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def get(self, path: str) -> bytes:
        """The body of an answer that must be fine."""
        status, _, body = self.ask("GET", path)
        assert status == 200, body
        return body

    def jobs(self) -> dict[str, dict[str, Any]]:
        """All jobs, as an event stream begins with them."""
        for content in self.events():
            return {job["id"]: job for job in content}
        raise AssertionError("the stream of events is empty")

    def events(self) -> Iterator[Any]:
        """What an open page is told: all jobs, and then each one that has changed."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request("GET", "/api/events")
            answer = connection.getresponse()
            assert answer.status == 200
            while line := answer.readline():
                if line.startswith(b"data: "):
                    yield json.loads(line.removeprefix(b"data: "))
        finally:
            connection.close()

    def reserve(self, size: int, name: str = "song.wav", **wish: Any) -> str:
        """Enter a song; returns the id of its job."""
        asked = {"system": self.system, "precision": "float32", **wish, "name": name, "bytes": size}
        status, _, body = self.ask("POST", "/api/jobs", asked)
        assert status == 201, body
        return str(json.loads(body)["id"])

    def send(self, content: bytes, name: str = "song.wav", **wish: Any) -> str:
        """Upload a song; returns the id of its job."""
        job = self.reserve(len(content), name, **wish)
        status, _, body = self.ask("PUT", f"/api/jobs/{job}/file", content)
        assert status == 200, body
        return job

    def wait(self, job: str, states: tuple[str, ...] = FINISHED) -> dict[str, Any]:
        """Wait until a job is in one of these states."""
        end, found = time.monotonic() + PATIENCE, None
        for content in self.events():
            for it in content if isinstance(content, list) else [content]:
                found = it if isinstance(it, dict) and it["id"] == job else found
            if found is not None and found["state"] in states:
                return found
            assert time.monotonic() < end, f"{found} is not {states}"
        raise AssertionError("the server has stopped")

    def separate(self, content: bytes, name: str = "song.wav", **wish: Any) -> dict[str, Any]:
        """Upload a song and wait for it."""
        return self.wait(self.send(content, name, **wish))


class Server(Client):
    """`mdx serve` at work."""

    def __init__(self, process: "subprocess.Popen[str]", log: Path, system: str) -> None:
        """Wait until it says where it is."""
        self.process, self._log = process, log
        assert process.stdout is not None
        self.line = process.stdout.readline()
        assert self.line.startswith("mdx serve: http://"), self.line + log.read_text()
        port = self.line.split("://")[1].split("/")[0].rpartition(":")[2]
        super().__init__(int(port), system)

    @property
    def log(self) -> list[str]:
        """What it has written to standard error so far, by line."""
        return self._log.read_text().splitlines()

    @property
    def workers(self) -> list[int]:
        """Process ids of its workers."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [
            int(pid) for pid in children.split()
            if b"mdx.serve.worker" in Path(f"/proc/{pid}/cmdline").read_bytes()
        ]  # fmt: skip

    def stop(self, how: int = signal.SIGTERM) -> int:
        """End it by a signal; returns the exit code."""
        self.process.send_signal(how)
        return self.process.wait(timeout=30)


@contextmanager
def serving(system: str | Path, folder: Path, *options: str) -> Iterator[Server]:
    """A server of a system, on a port that is free."""
    log = folder.with_suffix(".log")
    with log.open("a") as errors, subprocess.Popen(
        [sys.executable, "-m", "mdx", "serve", "--port", "0", "--system", str(system),
         "--folder", str(folder), "--min-free", "0", *options],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=errors, text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    ) as process:  # fmt: skip
        try:
            yield Server(process, log, Path(system).stem)
        finally:
            process.kill()
