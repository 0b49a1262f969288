"""Attacks by a page, a file or a client, each of which is one line in the log."""

import asyncio
import contextlib
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

from benchmarks.page_server import Client, Server, serving
from mdx.serve import connections
from tests.mdx.cli.kit import RATE, write_song

RESERVE = {"system": "tiny", "precision": "float32", "name": "a.wav", "bytes": 10}


def raw(port: int, request: bytes) -> bytes:
    """The first bytes of the answer to a request that may not be HTTP."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        with contextlib.suppress(OSError):  # refused before it was complete
            connection.sendall(request)
            connection.shutdown(socket.SHUT_WR)
        return connection.recv(65536)


def told(server: Server, before: int, words: str) -> None:
    """Assert that the log has one more line, with these words."""
    lines = server.log[before:]
    assert len(lines) == 1 and words in lines[0], lines


@pytest.mark.parametrize("headers", [
    {"Host": "evil.example"}, {"Host": "127.0.0.1.evil.example"}, {"Host": ""},
    {"Host": "localhost@evil.example"}, {"Host": "[::1"}, {"Host": "192.168.1.1"},
])  # fmt: skip
def test_another_host_is_refused(server: Server, headers: dict[str, str]) -> None:
    for method, path in (("GET", "/"), ("GET", "/api/events"), ("POST", "/api/jobs")):
        before = len(server.log)
        status, _, body = server.ask(method, path, dict(RESERVE), headers)
        assert status in (400, 421) and b"evil" not in body.split(b"expected")[1:][0:1]
        told(server, before, "refused 421" if status == 421 else "Invalid HTTP")


@pytest.mark.parametrize("headers", [
    {"Origin": "http://evil.example"}, {"Origin": "null"}, {"Origin": "http://localhost:1"},
    {"Origin": "https://127.0.0.1"}, {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"}, {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"},
])  # fmt: skip
def test_another_page_is_refused(server: Server, headers: dict[str, str]) -> None:
    before = len(server.log)
    assert server.ask("POST", "/api/jobs", dict(RESERVE), headers)[0] == 403
    told(server, before, "refused 403: POST /api/jobs")
    assert not server.jobs()
    link = headers.get("Sec-Fetch-Mode") == "navigate"  # a link that somebody follows
    assert server.ask("GET", "/", None, headers)[0] == (200 if link else 403)


def test_the_own_page_is_not_refused(server: Server) -> None:
    for host in ("localhost", "127.0.0.1", "[::1]"):
        own = f"{host}:{server.port}"
        headers = {"Host": own, "Origin": f"http://{own}", "Sec-Fetch-Site": "same-origin"}
        status, answered, _ = server.ask("GET", "/", None, headers)
        assert status == 200
        policy = answered["content-security-policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy
        assert answered["x-content-type-options"] == "nosniff"
        assert "server" not in answered


@pytest.mark.parametrize("path", [
    "/page/../settings.py", "/page/..%2f..%2f..%2fpyproject.toml", "/page/%2e%2e/run.py", "/page/",
    "/page/page.html.jinja", "/etc/passwd", "//etc/passwd", "/page/page.css%00.js", "/api",
    "/api/jobs/../..", "/api/jobs/0123456789abcdef/stem/bass", "/api/jobs/..%2f..%2f/stem/bass",
])  # fmt: skip
def test_nothing_but_the_page_s_files_is_served(server: Server, path: str) -> None:
    before = len(server.log)
    status, _, body = server.ask("GET", path)
    assert status in (404, 405) and len(body) < 200
    told(server, before, f"refused {status}: GET ")


def test_stems_are_found_by_their_names_only(server: Server, tmp_path: Path) -> None:
    job = server.separate(write_song(tmp_path / "a.wav", 4000).read_bytes())["id"]
    for name in ("..%2f..%2fjob.json", "%2e%2e%2fjob", "bass.wav", "bass%00", "mixture"):
        assert server.ask("GET", f"/api/jobs/{job}/stem/{name}")[0] == 404
        assert server.ask("GET", f"/api/jobs/{job}/samples/stem/{name}?start=0&count=1")[0] == 404
    for query in (
        "start=-1&count=1", "start=0&count=0", "start=0&count=99999999", "start=a&count=1",
        "count=1", "start=0&count=1e3", "start=" + "9" * 99 + "&count=1",
    ):  # fmt: skip
        assert server.ask("GET", f"/api/jobs/{job}/samples/stem/bass?{query}")[0] == 400
    assert server.ask("DELETE", f"/api/jobs/{job}")[0] == 204


def test_a_huge_header_is_refused(server: Server) -> None:
    before = len(server.log)
    answer = raw(server.port, b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 200_000)
    assert answer.startswith(b"HTTP/1.1 400 ")
    told(server, before, "Invalid HTTP request")


def test_invalid_http_is_refused(server: Server) -> None:
    before = len(server.log)
    assert raw(server.port, b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n").startswith(b"HTTP/1.1 400 ")
    told(server, before, "Invalid HTTP request")


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


def server_files(server: Server) -> list[Path]:
    """All files in the server's folder."""
    arguments = Path(f"/proc/{server.process.pid}/cmdline").read_text().split("\0")
    return list(Path(arguments[arguments.index("--folder") + 1]).rglob("*"))


@pytest.mark.parametrize("body", [
    b"", b"[]", b"{", b'"text"', b"\xff\xfe", b"[" * 60_000, b'{"bytes": 1' + b"0" * 70_000 + b"}",
])  # fmt: skip
def test_invalid_request_bodies(server: Server, body: bytes) -> None:
    before = len(server.log)
    assert server.ask("POST", "/api/jobs", body)[0] in (400, 413)
    told(server, before, "refused 4")


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


def test_beyond_loopback_a_token_is_required(tiny_system: Path, tmp_path: Path) -> None:
    with serving(tiny_system, tmp_path / "folder", "--host", "0.0.0.0") as server:
        token = server.line.split("token=")[1].strip()
        assert len(token) >= 32 and "not encrypted" in server.log[0]
        client = Client(server.port)
        for query in ("", "?token=", "?token=wrong", f"?token={token[:-1]}", "?token=%ff"):
            assert client.ask("GET", f"/{query}")[0] == 401
        for path in ("/api/events", "/page/main.js"):
            assert client.ask("GET", f"{path}?token={token}")[0] == 401  # for the page only
        status, headers, _ = client.ask("GET", f"/?token={token}")
        assert status == 303 and headers["location"] == "/"
        assert "HttpOnly" in headers["set-cookie"] and "SameSite=strict" in headers["set-cookie"]
        cookie = {"Cookie": headers["set-cookie"].split(";")[0]}
        assert client.ask("GET", "/", None, cookie)[0] == 200
        assert client.ask("GET", "/", None, {"Authorization": f"Bearer {token}"})[0] == 200
        for host, status in (("192.168.7.7", 200), ("evil.example", 421)):
            assert client.ask("GET", "/", None, cookie | {"Host": host})[0] == status
        assert token not in "\n".join(server.log)


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
