"""Requests to a server that refuses, is silent or redirects; unsafe addresses and proxies."""

import socket
import time
from pathlib import Path

import pytest

from mdx.errors import DownloadError
from models.fetch import download as download_module
from models.fetch import web
from models.fetch.download import download
from models.fetch.web import is_safe
from tests.models.downloading import CONTENT, CUT, get, ranges
from tests.models.shelf import Shelf, serve


def test_a_busy_server_is_asked_again(server: Shelf, part: Path) -> None:
    server.codes = [503, 429]
    get(server, part)
    assert part.read_bytes() == CONTENT


@pytest.mark.parametrize(("code", "tries"), [(404, 1), (403, 1), (500, 3)])
def test_a_refusal_is_reported(server: Shelf, part: Path, code: int, tries: int) -> None:
    server.codes = [code] * 10
    with pytest.raises(DownloadError, match=f"/net: got HTTP {code} .* expected the file"):
        get(server, part)
    assert len(server.asked) == tries and not part.exists()


def test_an_unreachable_server(part: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download_module, "WAITS", ())
    with serve() as gone:
        pass
    with pytest.raises(DownloadError, match="refused"):
        get(gone, part)


def test_without_a_network_there_is_no_waiting(part: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    monkeypatch.setattr(time, "sleep", lambda _: pytest.fail("it waited"))
    with pytest.raises(DownloadError, match=r"Name or service not known.*https_proxy"):
        download("https://example.com/net", part, size=None, progress=lambda *_: None)


def test_a_silent_server_is_left(
    server: Shelf, part: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web, "TIMEOUT", 0.1)
    server.stalls = True
    with pytest.raises(DownloadError, match="timed out"):
        get(server, part)
    assert part.stat().st_size < len(CONTENT)


def test_a_redirect_is_followed_with_its_range(server: Shelf, part: Path) -> None:
    server.redirects["/old"] = f"{server.root}/net"
    server.cuts = [CUT]
    get(server, part, path="/old")
    assert part.read_bytes() == CONTENT
    assert [path for path, _ in server.asked] == ["/old", "/net", "/old", "/net"]
    assert ranges(server)[2:] == [f"bytes={CUT}-"] * 2


@pytest.mark.parametrize(
    "target", ["file:///etc/passwd", "http://example.com/net", "ftp://example.com/net", "/old"]
)
def test_a_redirect_astray_is_not(server: Shelf, part: Path, target: str) -> None:
    server.redirects["/old"] = target
    with pytest.raises(DownloadError, match="HTTP 302"):
        get(server, part, path="/old")
    assert not part.exists()


@pytest.mark.parametrize(
    ("url", "before", "safe"),
    [
        ("https://a.org/x", "", True),
        ("https://a.org/x", "http://localhost/x", True),
        ("http://a.org/x", "", False),
        ("http://localhost:80/x", "", True),
        ("http://localhost/x", "https://a.org/x", False),
        ("http://localhost.a.org/x", "", False),
        ("http://localhost@a.org/x", "", False),
        ("file://localhost/etc/passwd", "", False),
        ("https://[", "", False),
        ("", "", False),
    ],
)
def test_which_addresses_are_safe(url: str, before: str, safe: bool) -> None:
    assert is_safe(url, before=before) is safe


def test_an_unsafe_address_is_not_asked(part: Path) -> None:
    with pytest.raises(DownloadError, match="expected https"):
        download("file:///etc/passwd", part, size=None, progress=lambda *_: None)
    assert not part.exists()


def test_the_proxy_of_the_environment_is_asked(
    server: Shelf, part: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", server.root)
    url = "http://localhost:9/net"  # where nobody is
    server.files[url] = b"by proxy"
    download(url, part, size=8, progress=lambda *_: None)
    assert part.read_bytes() == b"by proxy" and server.asked[0][0] == url
