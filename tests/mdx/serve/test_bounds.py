"""Bounds on uploads, memory, the queue, the disk and the time that a client may take."""

import asyncio
import http.client
import json
import socket
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile as sf
import uvicorn

from benchmarks.page_server import Server, serving
from mdx.serve import connections
from tests.mdx.cli.kit import RATE, write_song
from tests.mdx.serve.conftest import RESERVE


def test_an_upload_keeps_to_its_size(server: Server) -> None:
    def upload(announced: int, sent: bytes) -> dict[str, Any]:
        job = server.reserve(announced)
        status = server.ask("PUT", f"/api/jobs/{job}/file", sent)[0]
        found = server.wait(job)
        assert status in (400, 413) and found["state"] == "failed"
        return found

    assert "more than the 10 bytes" in upload(10, bytes(11))["error"]
    assert "it broke off" in upload(10, bytes(9))["error"]
    assert "more than the 10 bytes" in upload(10, bytes(5_000_000))["error"]
    job = server.reserve(10)  # one that breaks off
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        head = f"PUT /api/jobs/{job}/file HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n"
        connection.sendall(head.encode() + b"abc")
    assert "it broke off" in server.wait(job)["error"]
    assert not [path for path in server_files(server) if path.suffix == ".part"]
    assert server.ask("PUT", f"/api/jobs/{job}/file", bytes(10))[0] == 409  # a second try
    server.ask("DELETE", "/api/jobs")


def test_a_cancelled_song_is_not_received(server: Server) -> None:
    job = server.reserve(10)
    assert server.ask("POST", f"/api/jobs/{job}/cancel")[0] == 204
    status, _, body = server.ask("PUT", f"/api/jobs/{job}/file", bytes(10))
    assert status == 410 and "it was cancelled" in json.loads(body)["error"]
    server.ask("DELETE", "/api/jobs")


def server_files(server: Server) -> list[Path]:
    """All files in the server's folder."""
    arguments = Path(f"/proc/{server.process.pid}/cmdline").read_text().split("\0")
    return list(Path(arguments[arguments.index("--folder") + 1]).rglob("*"))


def test_many_requests_at_once_leave_memory_as_it_is(server: Server) -> None:
    status = Path(f"/proc/{server.process.pid}/status")

    def resident() -> int:
        line = next(it for it in status.read_text().splitlines() if it.startswith("VmRSS"))
        return int(line.split()[1]) // 1024

    def hammer(times: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        for _ in range(times):
            connection.request("GET", "/page/page.css")
            assert connection.getresponse().read()
        connection.close()

    hammer(100)
    before = resident()
    threads = [threading.Thread(target=hammer, args=(150,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert resident() - before < 8, (before, resident())


def silence(path: Path) -> bytes:
    """Write ten minutes of silence, a small file that decodes to 100 MB."""
    sf.write(path, np.zeros(RATE * 600, np.int16), RATE, format="FLAC")
    assert path.stat().st_size < 200_000
    return path.read_bytes()


def test_the_queue_the_disk_and_patience_have_bounds(tiny_system: Path, tmp_path: Path) -> None:
    song = write_song(tmp_path / "song.wav", 4000).read_bytes()
    with serving(
        tiny_system, tmp_path / "folder", "--max-songs", "2", "--max-upload", "1",
        "--max-hours", "0.00002",
    ) as server:  # fmt: skip
        asked = dict(RESERVE) | {"bytes": 2_000_000}
        status, _, body = server.ask("POST", "/api/jobs", asked)
        assert status == 413 and "expected 1 byte to 1 MB" in json.loads(body)["error"]
        failed = server.separate(song)
        assert "more than 2e-05 hours" in failed["error"]
        server.ask("DELETE", "/api/jobs")
        bomb = server.separate(silence(tmp_path / "bomb.flac"), "bomb.wav")
        assert bomb["state"] == "failed" and "more than 2e-05 hours" in bomb["error"]
        assert sum(path.stat().st_size for path in server_files(server)) < 1_000_000
        server.reserve(10)
        assert server.ask("POST", "/api/jobs", dict(RESERVE))[0] == 503
    with serving(tiny_system, tmp_path / "folder", "--min-free", "1e9") as server:
        status, _, body = server.ask("POST", "/api/jobs", dict(RESERVE))
        assert status == 507 and "make room" in json.loads(body)["error"]


def test_a_slow_header_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "HEADER_SECONDS", 0.2)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(0.6)  # an answer may take longer than a header
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def slow(first: bytes) -> tuple[bytes, float]:
        started = time.monotonic()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(first)
        answer = await reader.read(64)
        writer.close()
        return answer, time.monotonic() - started

    async def both() -> None:
        config = uvicorn.Config(
            app, http=connections.TimedProtocol, lifespan="off", log_config=None
        )
        server = uvicorn.Server(config)
        task = asyncio.create_task(server.serve(sockets=[listener]))
        while not server.started:
            await asyncio.sleep(0.01)
        whole = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
        assert (await slow(whole))[0].startswith(b"HTTP/1.1 204 ")
        for part in (b"", whole[:20]):
            answer, seconds = await slow(part)
            assert answer == b"" and seconds < 30
        server.should_exit = True
        await task

    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        asyncio.run(both())
