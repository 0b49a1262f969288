"""A song of a run as a value, which can be pickled and run in another process."""

import pickle
import time
from collections.abc import Callable
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import pytest

from evaluator.evaluation import make_jobs, remove_outdated_scores, run_jobs
from evaluator.jobs import Job, Options, SystemJob, do_song
from evaluator.records import Record
from evaluator.stop import Stop
from evaluator.systems import read_systems
from evaluator.test_sets import find_test_set
from mdx.errors import Cancelled
from tests.evaluator.runs import processes_of

SPAWNED = partial(ProcessPoolExecutor, mp_context=get_context("spawn"))
EXECUTORS: dict[str, Callable[[int], Executor]] = {
    "threads": ThreadPoolExecutor, "processes": SPAWNED,
}  # fmt: skip


def jobs_of(
    songs: Path, system: Path, out: Path, stop: Stop, *, resume: bool = False
) -> list[Job]:  # fmt: skip
    test_set = find_test_set(songs, out / "songs")
    options = Options(resume=resume)
    return make_jobs(test_set, read_systems([str(system)]), [], out, options, stop)


def test_a_job_is_a_value(test_set: Path, tiny_system: Path, tmp_path: Path) -> None:
    jobs = jobs_of(test_set, tiny_system, tmp_path / "out", Stop.inside(tmp_path))
    assert [(job.entry, job.song.name) for job in jobs] == [
        (entry, song) for song in ("song 1", "song 2") for entry in ("ScaledMixture", "tiny")
    ]
    for job in jobs:
        assert pickle.loads(pickle.dumps(job)) == job
        with pytest.raises(AttributeError):
            job.entry = "another"  # type: ignore[misc]
    assert not (tmp_path / "out").exists()  # making jobs writes nothing


def test_a_spawned_process_does_the_same(test_set: Path, tiny_system: Path, tmp_path: Path) -> None:
    stop = Stop.inside(tmp_path)
    baseline, job = jobs_of(test_set, tiny_system, tmp_path / "there", stop)[:2]
    outcome = run_jobs([baseline, job], stop, lambda *_: None, executor=SPAWNED)
    there = outcome.records["tiny", "song 1"]
    here = do_song(jobs_of(test_set, tiny_system, tmp_path / "here", stop)[1])
    assert there["error"] is here["error"] is None
    assert there["scores"] == here["scores"] and not outcome.interrupted
    assert there["separation"]["stems"] == here["separation"]["stems"]
    assert (tmp_path / "there" / "records" / "tiny" / "song 1.json").is_file()
    assert outcome.records["ScaledMixture", "song 1"]["scores"]


def test_a_resumed_job_keeps_the_scores_that_there_are_until_it_has_others(
    test_set: Path, tiny_system: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, stop = tmp_path / "out", Stop.inside(tmp_path)
    job = jobs_of(test_set, tiny_system, out, stop, resume=True)[1]
    do_song(job)
    record = out / "records" / "tiny" / "song 1.json"
    whole = record.read_text()
    assert '"sdr"' in whole

    def be_killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(SystemJob, "score", be_killed)
    with pytest.raises(KeyboardInterrupt):
        do_song(job)
    assert record.read_text() == whole
    (out / "stems" / "tiny" / "song 1" / "bass.wav").write_bytes(b"")  # to be separated again
    with pytest.raises(KeyboardInterrupt):
        do_song(job)
    assert '"sdr"' not in record.read_text()  # of stems that are gone


@pytest.mark.skipif(not Path("/proc").exists(), reason="looks for processes in /proc")
@pytest.mark.parametrize("kind", EXECUTORS)
def test_a_running_job_can_be_stopped_anywhere(
    test_set: Path, tiny_system: Path, tmp_path: Path, kind: str
) -> None:
    out = tmp_path / "out"
    stop = Stop.inside(tmp_path)
    job = jobs_of(test_set, tiny_system, out, stop)[1]
    assert isinstance(job, SystemJob)
    with EXECUTORS[kind](1) as pool:
        future = pool.submit(do_song, job)
        while not processes_of(out):  # the child that separates
            assert not future.done()
            time.sleep(0.01)
        stop.request()
        assert isinstance(future.exception(timeout=30), Cancelled)
    assert not processes_of(out)
    assert not any(path.exists() for path in job.files.values())


def test_an_error_that_ends_a_run_stops_the_songs_in_progress(
    test_set: Path, tiny_system: Path, tmp_path: Path
) -> None:
    stop = Stop.inside(tmp_path)
    jobs = jobs_of(test_set, tiny_system, tmp_path / "out", stop)

    def interrupt(job: Job, record: Record) -> None:
        raise KeyboardInterrupt

    outcome = run_jobs(jobs, stop, interrupt, workers=2)
    assert outcome.interrupted and 0 < len(outcome.records) < len(jobs)
    assert not stop.requested() and not list(tmp_path.glob(".*.stop"))


def test_songs_do_not_stop_without_being_asked(tmp_path: Path) -> None:
    stop = Stop.inside(tmp_path / "nosuch")
    stop.request()  # without the folder, no worker can be running
    assert not stop.requested()


@pytest.mark.parametrize("resume", [True, False])
def test_an_aggregate_has_only_the_scores_that_a_run_builds_on(
    test_set: Path, tiny_system: Path, tmp_path: Path, resume: bool
) -> None:
    out, stop = tmp_path / "out", Stop.inside(tmp_path)
    first, second = (
        job for job in jobs_of(test_set, tiny_system, out, stop, resume=resume)
        if job.entry == "tiny"
    )  # fmt: skip
    do_song(first)
    other = first.frames.with_name("another song.json")
    for path in (other, second.frames):  # of an earlier run; the second song was not finished
        path.write_text("{}")
    remove_outdated_scores([first, second])
    left = {path.name for path in first.frames.parent.iterdir()}
    assert left == ({"song 1.json", "another song.json"} if resume else set())
