"""Attacks by a page, a file or a client, each of which is one line in the log."""

import contextlib
import json
import socket
from pathlib import Path

import pytest

from benchmarks.page_server import Client, Server, serving
from tests.mdx.cli.kit import write_song
from tests.mdx.serve.conftest import RESERVE


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
        assert status in (400, 421) and b"evil" not in body.partition(b"expected")[2]
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
    for host in ("localhost", "127.0.0.1", "127.0.1.1", "[::1]"):
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


@pytest.mark.parametrize("body", [
    b"", b"[]", b"{", b'"text"', b"\xff\xfe", b"[" * 60_000, b'{"bytes": 1' + b"0" * 70_000 + b"}",
    b'{"bytes": 1, "precision": "float32", "system": "half of a character: \\ud83c"}',
])  # fmt: skip
def test_invalid_request_bodies(server: Server, body: bytes) -> None:
    before = len(server.log)
    status, _, answer = server.ask("POST", "/api/jobs", body)
    assert status in (400, 413) and json.loads(answer)["error"]
    told(server, before, "refused 4")


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
        # A browser sends it along with links of other sites, but not with their other requests.
        assert "HttpOnly" in headers["set-cookie"] and "SameSite=lax" in headers["set-cookie"]
        cookie = {"Cookie": headers["set-cookie"].split(";")[0]}
        assert client.ask("GET", "/", None, cookie)[0] == 200
        link = cookie | {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
        assert client.ask("GET", "/", None, link)[0] == 200
        for method, path in (
            ("POST", "/"), ("POST", "/api/jobs"), ("DELETE", "/api/jobs"), ("GET", "/api/events"),
            ("GET", "/page/main.js"), ("GET", "/api/jobs/0123456789abcdef/zip"),
        ):  # fmt: skip
            assert client.ask(method, path, None, link)[0] == 403
        form = cookie | {"Origin": "http://evil.example"}  # without encryption, that is all
        for method, path in (("POST", "/api/jobs"), ("DELETE", "/api/jobs"), ("GET", "/")):
            assert client.ask(method, path, None, form)[0] == 403
        assert client.ask("GET", "/", None, {"Authorization": f"Bearer {token}"})[0] == 200
        for host, status in (("192.168.7.7", 200), ("evil.example", 421)):
            assert client.ask("GET", "/", None, cookie | {"Host": host})[0] == status
        assert token not in "\n".join(server.log)
