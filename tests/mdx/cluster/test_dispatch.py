"""Tries of a song on failing workers, and results that come together, with a fake client."""

import os
from pathlib import Path
from typing import Any

import pytest

from mdx.cluster.connect import SchedulerLost
from mdx.cluster.dispatch import Dispatcher, Request, Response, SongLost, move_all
from mdx.cluster.pack import Pack
from mdx.cluster.remote import Remote, WorkerLost
from mdx.errors import AudioError, MdxError, OutputError
from tests.mdx.cluster.fakes import HERE, Client, FakeCluster, Scheduler, never


class Attempts:
    """The result of each try, in order."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *ends: Exception | None) -> None:
        self.workers: list[str] = []
        left = list(ends)

        def perform(
            dispatcher: Dispatcher, remote: Remote, request: Request, folder: Path
        ) -> Response:
            self.workers.append(remote.address)
            end = left.pop(0)
            if isinstance(end, SchedulerLost):
                remote.client.status = "closed"
            if end is not None:
                raise end
            return Response("stems", folder, {})

        monkeypatch.setattr(Dispatcher, "_perform", perform)


def dispatch(tmp_path: Path, **threads: int) -> tuple[Any, FakeCluster]:
    """Dispatch one song."""
    cluster = FakeCluster(Client(Scheduler(**threads)))
    dispatcher = Dispatcher(cluster, "separate", HERE)  # type: ignore[arg-type]
    request = Request("a song", tmp_path / "song", "song", Pack({}, {}), {}, tmp_path)
    with dispatcher.done(request, never) as answer:
        return answer.value, cluster


def lost(cause: Exception | None = None) -> WorkerLost:
    error = WorkerLost("No space left on device")
    error.__cause__ = cause
    return error


def test_a_song_has_three_tries_each_on_another_worker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempts = Attempts(monkeypatch, lost(), lost(), None)
    assert dispatch(tmp_path, one=1, two=1, three=1)[0] == "stems"
    assert sorted(attempts.workers) == ["one", "three", "two"]
    full = OutputError("disk", got="No space left on device", expected="room")
    attempts = Attempts(monkeypatch, lost(full), lost(full), lost(full), None)
    with pytest.raises(SongLost, match=r"3 tries that failed, the last on worker .*No space left"):
        dispatch(tmp_path, one=1)
    assert attempts.workers == ["one"] * 3
    own = AudioError("weights", got="x", expected="y")
    Attempts(monkeypatch, lost(own), lost(own), lost(own))
    with pytest.raises(AudioError, match="worker one: weights: got x"):
        dispatch(tmp_path, one=1)


def test_a_lost_scheduler_does_not_count_as_a_try(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Attempts(monkeypatch, lost(), SchedulerLost(), SchedulerLost(), SchedulerLost(), lost(), None)
    value, cluster = dispatch(tmp_path, one=1)
    assert value == "stems" and cluster.renewed == 3


def test_results_come_together_or_not_at_all(tmp_path: Path) -> None:
    there, here = tmp_path / "there", tmp_path / "here"
    for folder, text in ((there, "new"), (here, "old")):
        folder.mkdir()
        for name in ("a", "b"):
            (folder / name).write_text(text)
    (there / "b").unlink()
    with pytest.raises(MdxError, match="expected a place to write to"):
        move_all({there / name: here / name for name in ("a", "b")})
    assert sorted(path.read_text() for path in here.iterdir()) == ["old", "old"]
    for name in ("a", "b"):
        (there / name).write_text("new")
    (here / "c").mkdir()
    with pytest.raises(MdxError, match="got a directory, expected the name of a file"):
        move_all({there / "a": here / "a", there / "b": here / "c"})
    (here / "c").rmdir()
    assert sorted(path.read_text() for path in here.iterdir()) == ["old", "old"]
    move_all({there / "a": here / "a"})
    assert (here / "a").read_text() == "new" and len(list(here.iterdir())) == 2


def test_a_rename_that_fails_leaves_the_old_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there, here = tmp_path / "there", tmp_path / "here"
    for folder, text in ((there, "new"), (here, "old")):
        for name in ("a/1", "b/1", "c/1"):
            (folder / name).parent.mkdir(parents=True)
            (folder / name).write_text(text)
    replace = os.replace

    def refuse(old: Path, new: Path) -> None:
        if new == here / "b" and "old" not in Path(old).suffix:
            raise OSError(5, "Input/output error")
        replace(old, new)

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(MdxError, match="Input/output error"):
        move_all({there / name: here / name for name in "abc"})
    files = [path for path in here.rglob("*") if path.is_file()]
    assert len(files) == 3 and {path.read_text() for path in files} == {"old"}
    assert {path.name for path in here.iterdir()} == {"a", "b", "c"}
    with pytest.raises(MdxError, match="expected a place to write to"):  # below a file
        move_all({there / "a": here / "a" / "1" / "x"})
