"""The folder of a server: restoring its jobs, and ignoring damaged files."""

import contextlib
import json
from pathlib import Path

import pytest

from mdx.errors import ConfigError
from mdx.serve.jobs import Job, Wish
from mdx.serve.shelf import Shelf


def put(shelf: Shelf, number: int) -> Job:
    """A job with its song."""
    job = Job(f"{number:016x}", f"{number + 256:016x}", "a.wav", 1, Wish("demo"), -float(number))
    shelf.save(job)
    shelf.song_folder(job).mkdir()
    shelf.upload(job).write_bytes(b"x")
    return job


def test_damaged_jobs_are_ignored(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with contextlib.closing(Shelf(tmp_path / "folder")) as shelf:
        late, early, torn, moved, renamed = (put(shelf, number) for number in range(5))
        (shelf.job_folder(torn) / "job.json").write_text("{")
        (shelf.job_folder(moved) / "job.json").write_text(
            json.dumps(moved.as_json() | {"song": "../../.."})
        )
        shelf.job_folder(renamed).rename(tmp_path / "folder" / "jobs" / ("f" * 16))
        (tmp_path / "folder" / "songs" / "stray").mkdir()
        (shelf.job_folder(late) / "mix-left").mkdir()
        assert shelf.load() == [early, late]  # by their time
        assert caplog.text.count("it is removed") == 3
        assert sorted((tmp_path / "folder" / "jobs").iterdir()) == [
            shelf.job_folder(late), shelf.job_folder(early),
        ]  # fmt: skip
        assert len(list((tmp_path / "folder" / "songs").iterdir())) == 2
        assert [path.name for path in shelf.job_folder(late).iterdir()] == ["job.json"]


def test_nothing_is_removed_beyond_a_link(tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "file").write_text("x")
    with contextlib.closing(Shelf(tmp_path / "folder")) as shelf:
        (tmp_path / "folder" / "songs" / "link").symlink_to(tmp_path / "precious")
        (tmp_path / "folder" / "jobs" / "link").symlink_to(tmp_path / "precious")
        assert shelf.load() == []
    assert (tmp_path / "precious" / "file").read_text() == "x"
    assert not (tmp_path / "folder" / "songs" / "link").is_symlink()


def test_a_folder_has_one_server(tmp_path: Path) -> None:
    with (
        contextlib.closing(Shelf(tmp_path)),
        pytest.raises(ConfigError, match="another mdx serve"),
    ):
        Shelf(tmp_path)
    Shelf(tmp_path).close()


def test_an_invalid_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(ConfigError, match="expected a writable folder"):
        Shelf(tmp_path / "file")
