"""Downloads from a server that disconnects, loses files, changes them, or redirects."""

import io
import shutil
import socket
import time
from collections import namedtuple
from collections.abc import Iterator
from errno import ENOSPC
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mdx.errors import DownloadError, WeightsError
from models.fetch import download as download_module
from models.fetch import web
from models.fetch.download import download
from models.fetch.web import BLOCK, is_safe
from tests.models.shelf import Shelf, serve

CONTENT = np.random.default_rng(8).bytes(3 * BLOCK + 100)
CUT = BLOCK + 1000
Disk = namedtuple("Disk", "total used free")  # noqa: PYI024


@pytest.fixture
def shelf(monkeypatch: pytest.MonkeyPatch) -> Iterator[Shelf]:
    """A server with one file, and retries without waiting."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setattr(download_module, "WAITS", (0.0, 0.0))
    with serve() as shelf:
        shelf.files["/net"] = CONTENT
        yield shelf


@pytest.fixture
def part(tmp_path: Path) -> Path:
    return tmp_path / "weights" / "net.part"


def get(shelf: Shelf, part: Path, *, size: int | None = None, path: str = "/net") -> list[Any]:
    """Download a file; returns the reported progress."""
    calls: list[Any] = []
    download(
        f"{shelf.root}{path}", part, size=size, progress=lambda *numbers: calls.append(numbers)
    )
    return calls


def ranges(shelf: Shelf) -> list[str | None]:
    return [headers.get("Range") for _, headers in shelf.asked]


def test_a_file_is_downloaded(shelf: Shelf, part: Path) -> None:
    calls = get(shelf, part, size=len(CONTENT))
    assert part.read_bytes() == CONTENT
    assert calls[-1] == (len(CONTENT), len(CONTENT)) and calls == sorted(calls)
    assert ranges(shelf) == [None]


def test_a_broken_connection_continues_by_range(shelf: Shelf, part: Path) -> None:
    shelf.cuts = [CUT]
    get(shelf, part)
    assert part.read_bytes() == CONTENT
    assert ranges(shelf) == [None, f"bytes={CUT}-"]


def test_a_later_call_continues_too(
    shelf: Shelf, part: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf.cuts = [CUT]
    with monkeypatch.context() as patch:
        patch.setattr(download_module, "WAITS", ())
        with pytest.raises(DownloadError, match=f"the first {CUT} of {len(CONTENT)} bytes"):
            get(shelf, part)
    assert part.read_bytes() == CONTENT[:CUT]
    assert get(shelf, part)[0][0] > CUT  # progress counts what was there
    assert part.read_bytes() == CONTENT
    assert shelf.asked[1][1]["If-Range"] == '"one"'


def test_as_long_as_it_gets_further_it_tries_again(shelf: Shelf, part: Path) -> None:
    shelf.cuts = [100] * 8
    get(shelf, part)
    assert part.read_bytes() == CONTENT and len(shelf.asked) == 9


def test_where_it_gets_no_further_it_gives_up(shelf: Shelf, part: Path) -> None:
    shelf.ranges, shelf.cuts = False, [100] * 20
    with pytest.raises(DownloadError, match="the first 100 of"):
        get(shelf, part)
    assert len(shelf.asked) == 3  # one that got further, and one after each wait


def test_a_server_without_ranges_starts_over(shelf: Shelf, part: Path) -> None:
    shelf.ranges, shelf.cuts = False, [CUT]
    get(shelf, part)
    assert part.read_bytes() == CONTENT
    assert ranges(shelf) == [None, f"bytes={CUT}-"]


@pytest.mark.parametrize("tag", ['"one"', None])
def test_a_file_that_changed_meanwhile_is_downloaded_from_the_start(
    shelf: Shelf, part: Path, tag: str | None
) -> None:
    part.parent.mkdir()
    part.write_bytes(b"old" * 1000)
    part.with_name("net.part.tag").write_text('"zero"')
    shelf.cuts, shelf.version = [10], {"ETag": tag} if tag else {}
    get(shelf, part)
    assert part.read_bytes() == CONTENT
    assert [headers.get("If-Range") for _, headers in shelf.asked] == ['"zero"', tag]


@pytest.mark.parametrize(
    ("version", "condition"),
    [
        ({}, None),  # it could be another file by now
        ({"ETag": 'W/"weak"'}, None),  # other bytes may have the same
        ({"ETag": 'W/"weak"', "Last-Modified": "Tue, 01 Jun 2021 10:00:00 GMT"},
         "Tue, 01 Jun 2021 10:00:00 GMT"),
    ],
)  # fmt: skip
def test_only_an_unambiguous_version_is_continued(
    shelf: Shelf, part: Path, version: dict[str, str], condition: str | None
) -> None:
    shelf.version, shelf.cuts = version, [CUT]
    get(shelf, part)
    assert part.read_bytes() == CONTENT
    assert shelf.asked[1][1].get("If-Range") == condition
    assert (ranges(shelf)[1] is None) is (condition is None)


def test_a_whole_part_is_not_downloaded_again(shelf: Shelf, part: Path) -> None:
    get(shelf, part)
    assert get(shelf, part) == []  # the server says that nothing is missing
    assert get(shelf, part, size=len(CONTENT)) == []  # no request is needed
    assert len(shelf.asked) == 2 and part.read_bytes() == CONTENT


def test_a_part_that_is_too_long_starts_over(shelf: Shelf, part: Path) -> None:
    get(shelf, part)
    part.write_bytes(CONTENT + b"more")
    get(shelf, part, size=len(CONTENT))
    assert part.read_bytes() == CONTENT


def test_bytes_of_another_range_are_not_appended(shelf: Shelf, part: Path) -> None:
    shelf.cuts, shelf.shift = [CUT], 7
    get(shelf, part)
    assert part.read_bytes() == CONTENT
    assert ranges(shelf) == [None, f"bytes={CUT}-", None]


def test_a_busy_server_is_asked_again(shelf: Shelf, part: Path) -> None:
    shelf.codes = [503, 429]
    get(shelf, part)
    assert part.read_bytes() == CONTENT


@pytest.mark.parametrize(("code", "tries"), [(404, 1), (403, 1), (500, 3)])
def test_a_refusal_is_reported(shelf: Shelf, part: Path, code: int, tries: int) -> None:
    shelf.codes = [code] * 10
    with pytest.raises(DownloadError, match=f"/net: got HTTP {code} .* expected the file"):
        get(shelf, part)
    assert len(shelf.asked) == tries and not part.exists()


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


def test_a_silent_server_is_left(shelf: Shelf, part: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "TIMEOUT", 0.1)
    shelf.stalls = True
    with pytest.raises(DownloadError, match="timed out"):
        get(shelf, part)
    assert part.stat().st_size < len(CONTENT)


def test_another_size_than_expected_is_not_even_downloaded(shelf: Shelf, part: Path) -> None:
    with pytest.raises(WeightsError, match=f"got {len(CONTENT)} bytes, expected 5 bytes"):
        get(shelf, part, size=5)
    assert not part.exists()


def test_an_answer_of_unknown_length_is_taken_as_far_as_expected(shelf: Shelf, part: Path) -> None:
    shelf.lengths = False
    get(shelf, part)
    assert part.read_bytes() == CONTENT
    part.unlink()
    calls = get(shelf, part, size=5)
    assert len(calls) == 1 and part.stat().st_size > 5  # which its caller refuses


def test_a_redirect_is_followed_with_its_range(shelf: Shelf, part: Path) -> None:
    shelf.redirects["/old"] = f"{shelf.root}/net"
    shelf.cuts = [CUT]
    get(shelf, part, path="/old")
    assert part.read_bytes() == CONTENT
    assert [path for path, _ in shelf.asked] == ["/old", "/net", "/old", "/net"]
    assert ranges(shelf)[2:] == [f"bytes={CUT}-"] * 2


@pytest.mark.parametrize(
    "target", ["file:///etc/passwd", "http://example.com/net", "ftp://example.com/net", "/old"]
)
def test_a_redirect_astray_is_not(shelf: Shelf, part: Path, target: str) -> None:
    shelf.redirects["/old"] = target
    with pytest.raises(DownloadError, match="HTTP 302"):
        get(shelf, part, path="/old")
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
    shelf: Shelf, part: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", shelf.root)
    url = "http://localhost:9/net"  # where nobody is
    shelf.files[url] = b"by proxy"
    download(url, part, size=8, progress=lambda *_: None)
    assert part.read_bytes() == b"by proxy" and shelf.asked[0][0] == url


def test_a_disk_without_room_is_seen_at_first(
    shelf: Shelf, part: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Disk(9, 9, len(CONTENT) - 1))
    with pytest.raises(DownloadError, match=r"got 0\.2 MB of free disk, expected 0\.2 MB"):
        get(shelf, part)
    assert not part.exists()
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Disk(9, 9, len(CONTENT)))
    get(shelf, part)


def test_after_a_full_disk_the_next_call_continues(
    shelf: Shelf, part: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = Path.open
    with monkeypatch.context() as patch:
        patch.setattr(
            Path, "open",
            lambda path, mode="r", **options: _Full(path, mode)
            if mode == "wb" else opened(path, mode, **options),
        )  # fmt: skip
        with pytest.raises(OSError, match="No space left"):
            get(shelf, part)
    assert part.read_bytes() == CONTENT[:BLOCK]
    get(shelf, part)
    assert part.read_bytes() == CONTENT
    assert ranges(shelf) == [None, f"bytes={BLOCK}-"]


class _Full(io.FileIO):
    """A file on a disk with space for one block."""

    def write(self, block: Any) -> int:
        if self.tell():
            raise OSError(ENOSPC, "No space left on device")
        return super().write(block)
