"""The folder of a server: restoring its jobs, and ignoring damaged files."""

import contextlib
import errno
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
        (tmp_path / "folder" / "songs" / ("e" * 16)).mkdir()  # of no job
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
        links = [tmp_path / "folder" / name / ("a" * 16) for name in ("songs", "jobs")]
        for link in links:
            link.symlink_to(tmp_path / "precious")
        assert shelf.load() == []
    assert (tmp_path / "precious" / "file").read_text() == "x"
    assert all(link.is_symlink() for link in links)


@pytest.mark.parametrize("name", ["songs", "jobs"])
def test_what_no_server_made_stays(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    (folder / "an album").mkdir(parents=True)
    (folder / "an album" / "1.flac").write_text("x")
    (folder / "a song.flac").write_text("x")
    with contextlib.closing(Shelf(tmp_path)) as shelf:
        job = put(shelf, 1)
        assert shelf.load() == [job]
    assert (folder / "an album" / "1.flac").exists() and (folder / "a song.flac").exists()


def test_a_job_that_cannot_be_read_now_is_kept_with_its_song(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(path: Path, **_: object) -> str:
        raise OSError(errno.EMFILE, "Too many open files", str(path))

    with contextlib.closing(Shelf(tmp_path)) as shelf:
        job = put(shelf, 1)
        with monkeypatch.context() as patch:
            patch.setattr(Path, "read_text", fail)
            assert shelf.load() == []
        assert "Too many open files" in caplog.text and "left as it is" in caplog.text
        assert shelf.load() == [job] and shelf.upload(job).exists()


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
