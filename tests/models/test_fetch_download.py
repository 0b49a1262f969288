"""Downloads from a server that disconnects, changes its file, or offers another size."""

import io
import shutil
import subprocess
import sys
from collections import namedtuple
from errno import ENOSPC
from pathlib import Path
from typing import Any

import pytest

from mdx.errors import DownloadError
from models.fetch import download as download_module
from models.fetch.download import alone
from models.fetch.web import BLOCK
from tests.models.downloading import CONTENT, CUT, get, ranges
from tests.models.shelf import Shelf

Disk = namedtuple("Disk", "total used free")  # noqa: PYI024


def test_a_file_is_downloaded(server: Shelf, part: Path) -> None:
    calls = get(server, part, size=len(CONTENT))
    assert part.read_bytes() == CONTENT
    assert calls[-1] == (len(CONTENT), len(CONTENT)) and calls == sorted(calls)
    assert ranges(server) == [None]


def test_a_broken_connection_continues_by_range(server: Shelf, part: Path) -> None:
    server.cuts = [CUT]
    get(server, part)
    assert part.read_bytes() == CONTENT
    assert ranges(server) == [None, f"bytes={CUT}-"]


def test_a_later_call_continues_too(
    server: Shelf, part: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.cuts = [CUT]
    with monkeypatch.context() as patch:
        patch.setattr(download_module, "WAITS", ())
        with pytest.raises(DownloadError, match=f"the first {CUT} of {len(CONTENT)} bytes"):
            get(server, part)
    assert part.read_bytes() == CONTENT[:CUT]
    assert get(server, part)[0][0] > CUT  # progress counts what was there
    assert part.read_bytes() == CONTENT
    assert server.asked[1][1]["If-Range"] == '"one"'


def test_one_process_at_a_time_has_a_partial_file(part: Path) -> None:
    script = "import sys, pathlib; from models.fetch.download import alone\n"
    script += "with alone(pathlib.Path(sys.argv[1])): print('has it', flush=True); input()"
    command = [sys.executable, "-c", script, str(part)]
    other = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with other:
        assert other.stdout is not None and other.stdout.readline() == "has it\n"
        with pytest.raises(DownloadError, match="another process that downloads it"), alone(part):
            pass
        assert part.exists()
        other.communicate("\n")
    assert not part.exists()  # empty, as nothing came
    with alone(part):
        part.write_bytes(b"some")
    assert part.read_bytes() == b"some"
    with alone(part):
        part.rename(part.with_name("whole"))
    assert part.with_name("whole").read_bytes() == b"some" and not part.exists()


def test_as_long_as_it_gets_further_it_tries_again(server: Shelf, part: Path) -> None:
    server.cuts = [100] * 8
    get(server, part)
    assert part.read_bytes() == CONTENT and len(server.asked) == 9


def test_where_it_gets_no_further_it_gives_up(server: Shelf, part: Path) -> None:
    server.ranges, server.cuts = False, [100] * 20
    with pytest.raises(DownloadError, match="the first 100 of"):
        get(server, part)
    assert len(server.asked) == 3  # one that got further, and one after each wait


def test_a_server_without_ranges_starts_over(server: Shelf, part: Path) -> None:
    server.ranges, server.cuts = False, [CUT]
    get(server, part)
    assert part.read_bytes() == CONTENT
    assert ranges(server) == [None, f"bytes={CUT}-"]


@pytest.mark.parametrize("tag", ['"one"', None])
def test_a_file_that_changed_meanwhile_is_downloaded_from_the_start(
    server: Shelf, part: Path, tag: str | None
) -> None:
    part.parent.mkdir()
    part.write_bytes(b"old" * 1000)
    part.with_name("net.part.tag").write_text('"zero"')
    server.cuts, server.version = [10], {"ETag": tag} if tag else {}
    get(server, part)
    assert part.read_bytes() == CONTENT
    assert [headers.get("If-Range") for _, headers in server.asked] == ['"zero"', tag]


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
    server: Shelf, part: Path, version: dict[str, str], condition: str | None
) -> None:
    server.version, server.cuts = version, [CUT]
    get(server, part)
    assert part.read_bytes() == CONTENT
    assert server.asked[1][1].get("If-Range") == condition
    assert (ranges(server)[1] is None) is (condition is None)


def test_a_whole_part_is_not_downloaded_again(server: Shelf, part: Path) -> None:
    get(server, part)
    assert get(server, part) == []  # the server says that nothing is missing
    assert get(server, part, size=len(CONTENT)) == []  # no request is needed
    assert len(server.asked) == 2 and part.read_bytes() == CONTENT


def test_a_part_that_is_too_long_starts_over(server: Shelf, part: Path) -> None:
    get(server, part)
    part.write_bytes(CONTENT + b"more")
    get(server, part, size=len(CONTENT))
    assert part.read_bytes() == CONTENT


def test_bytes_of_another_range_are_not_appended(server: Shelf, part: Path) -> None:
    server.cuts, server.shift = [CUT], 7
    get(server, part)
    assert part.read_bytes() == CONTENT
    assert ranges(server) == [None, f"bytes={CUT}-", None]


def test_another_size_than_expected_is_not_even_downloaded(server: Shelf, part: Path) -> None:
    with pytest.raises(DownloadError, match=f"got {len(CONTENT)} bytes, expected 5 bytes"):
        get(server, part, size=5)
    assert not part.exists()


def test_an_answer_of_unknown_length_is_taken_as_far_as_expected(server: Shelf, part: Path) -> None:
    server.lengths = False
    get(server, part)
    assert part.read_bytes() == CONTENT
    part.unlink()
    calls = get(server, part, size=5)
    assert len(calls) == 1 and part.stat().st_size > 5  # which its caller refuses


def test_a_disk_without_room_is_seen_at_first(
    server: Shelf, part: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Disk(9, 9, len(CONTENT) - 1))
    with pytest.raises(DownloadError, match=r"got 0\.2 MB of free disk, expected 0\.2 MB"):
        get(server, part)
    assert not part.exists()
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Disk(9, 9, len(CONTENT)))
    get(server, part)


def test_after_a_full_disk_the_next_call_continues(
    server: Shelf, part: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = Path.open
    with monkeypatch.context() as patch:
        patch.setattr(
            Path, "open",
            lambda path, mode="r", **options: _Full(path, mode)
            if mode == "wb" else opened(path, mode, **options),
        )  # fmt: skip
        with pytest.raises(OSError, match="No space left"):
            get(server, part)
    assert part.read_bytes() == CONTENT[:BLOCK]
    get(server, part)
    assert part.read_bytes() == CONTENT
    assert ranges(server) == [None, f"bytes={BLOCK}-"]


class _Full(io.FileIO):
    """A file on a disk with space for one block."""

    def write(self, block: Any) -> int:
        if self.tell():
            raise OSError(ENOSPC, "No space left on device")
        return super().write(block)
