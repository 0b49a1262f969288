import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mdx.runtimes.blob_cache import DIGESTS, compiled_cache


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A separate cache for the test."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path


def compile_into(graph: bytes = b"graph", settings: object = None) -> tuple[Path, bool]:
    """Use an existing blob or make it, like a runtime; returns its path and whether it existed."""
    with compiled_cache(graph, settings) as folder:
        assert folder is not None
        blob = folder / "1234.blob"
        found = blob.exists()
        if not found:
            blob.write_bytes(b"compiled " * 1000)
    return blob, found


def test_compiled_networks_are_found_again() -> None:
    assert [compile_into()[1] for _ in range(3)] == [False, True, True]


@pytest.mark.parametrize("place", [0, 4500, 8999])
def test_a_changed_blob_is_compiled_again(place: int) -> None:
    blob, _ = compile_into()
    content = bytearray(blob.read_bytes())
    content[place] ^= 1
    blob.write_bytes(content)
    assert not compile_into()[1]
    assert compile_into()[1]


@pytest.mark.parametrize("text", ["", "{", "[]", "{}"])
def test_digests_that_are_lost_or_broken_cost_a_compilation(text: str) -> None:
    blob, _ = compile_into()
    (blob.parent / DIGESTS).write_text(text)
    assert not compile_into()[1]


def test_a_blob_without_a_digest_is_not_used() -> None:
    blob, _ = compile_into()
    (blob.parent / "5678.blob").write_bytes(b"left by a process that was killed")
    assert compile_into()[1]
    assert not (blob.parent / "5678.blob").exists()


def test_networks_and_settings_have_folders_of_their_own() -> None:
    folders = {
        compile_into(graph, settings)[0].parent
        for graph in (b"one", b"two")
        for settings in ({"threads": 1}, {"threads": 2})
    }
    assert len(folders) == 4


def test_processes_enter_one_after_another(monkeypatch: pytest.MonkeyPatch) -> None:
    blob, _ = compile_into()
    code = (
        "import sys; from mdx.runtimes.blob_cache import compiled_cache\n"
        "with compiled_cache(b'graph') as folder:\n"
        "    print('inside', flush=True); sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdin and other.stdout and other.stdout.readline() == "inside\n"
        monkeypatch.setattr("mdx.runtimes.blob_cache.PATIENCE", 0.1)
        with compiled_cache(b"graph") as folder:
            assert folder is None  # the other process hangs: this one works without a cache
        with compiled_cache(b"another graph") as folder:
            assert folder is not None
        monkeypatch.setattr("mdx.runtimes.blob_cache.PATIENCE", 60.0)
        other.kill()
        assert compile_into() == (blob, True)


def test_without_locks_there_is_no_cache_and_no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "no locks available")

    monkeypatch.setattr("fcntl.flock", refuse)
    monkeypatch.setattr("time.sleep", lambda _: pytest.fail("waits for a lock"))
    with compiled_cache(b"graph") as folder:
        assert folder is None


def test_without_a_place_for_it_there_is_no_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with compiled_cache(b"graph") as folder:
        assert folder is None
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.delenv("HOME", raising=False)

    def nobody(number: int) -> object:
        raise KeyError(number)

    if os.name == "posix":
        monkeypatch.setattr("pwd.getpwuid", nobody)
        with compiled_cache(b"graph") as folder:
            assert folder is None
