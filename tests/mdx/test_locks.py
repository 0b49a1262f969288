"""Locks of files: held, busy, or none at all."""

import errno
import threading
from pathlib import Path

import pytest

from mdx.locks import Lock, lock
from mdx.systems.manifest import read_manifest, register_weights


def test_one_has_it_until_its_file_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with path.open("ab") as first, path.open("ab") as second:
        assert lock(first) is Lock.HELD
        assert lock(second) is Lock.BUSY
        first.close()
        assert lock(second) is Lock.HELD


def test_others_may_wait_for_it(tmp_path: Path) -> None:
    path, order = tmp_path / "lock", []

    def take() -> None:
        with path.open("ab") as file:
            assert lock(file, wait=True) is Lock.HELD
            order.append("second")

    with path.open("ab") as file:
        assert lock(file) is Lock.HELD
        thread = threading.Thread(target=take)
        thread.start()
        thread.join(0.1)
        order.append("first")
    thread.join()
    assert order == ["first", "second"]


def test_a_file_system_without_locks_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", refuse)
    with (tmp_path / "lock").open("ab") as file:
        assert lock(file) is Lock.NONE
    (tmp_path / "x.onnx").write_bytes(b"a network")
    register_weights(tmp_path, "x.onnx", made_by="a test")
    assert "x.onnx" in read_manifest(tmp_path)
    monkeypatch.setattr("mdx.locks.HAS_LOCKS", False)
    with (tmp_path / "lock").open("ab") as file:
        assert lock(file) is Lock.NONE
