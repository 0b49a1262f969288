"""One run over a test set: all songs of all entries, in parallel, each done exactly once."""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from evaluator.fingerprints import scoring_code, separation_code
from evaluator.given_stems import GivenStems
from evaluator.jobs import (
    BaselineJob,
    Job,
    Options,
    StemsJob,
    SystemJob,
    do_song,
    earlier_record,
)
from evaluator.records import Record
from evaluator.replay import inherited_settings
from evaluator.scores import BASELINE
from evaluator.stop import Stop
from evaluator.systems import System
from evaluator.test_sets import TestSet
from mdx.errors import OutputError
from mdx.interrupts import each_completed, interrupts_deferred
from mdx.machine import available_cpus


@dataclass(frozen=True)
class Outcome:
    """The result of a run."""

    records: dict[tuple[str, str], Record]  # by entry and song
    interrupted: bool  # by Ctrl-C


def make_jobs(
    test_set: TestSet, systems: Sequence[System], given: Sequence[GivenStems], out: Path,
    options: Options, stop: Stop,
) -> list[Job]:  # fmt: skip
    """The jobs of a run, song by song; raises ConfigError for an invalid limit."""
    code, scoring = separation_code(), scoring_code()
    threads = max(1, available_cpus() // options.workers)
    limits = [options.limit_of(system) for system in systems]
    inherited = inherited_settings()
    jobs: list[Job] = []
    for song in test_set.songs:
        if song.has_references:
            jobs.append(BaselineJob(BASELINE, song, out, options, scoring))
        for system, limit in zip(systems, limits, strict=True):
            jobs.append(SystemJob(
                system.name, song, out, options, scoring, system, limit, threads, code, stop,
                inherited,
            ))  # fmt: skip
        for stems in given:
            files = stems.files.get(song.name, {})
            jobs.append(StemsJob(stems.name, song, out, options, scoring, files))
    return jobs


def remove_outdated_scores(jobs: Iterable[Job]) -> None:
    """Remove framewise scores that a run does not build on, so that an aggregate has only its own.

    A run that resumes builds on those of earlier runs, also of songs that are not in this one.
    Raises OutputError.
    """
    for job in jobs:
        folder = job.frames.parent
        others = [] if job.options.resume else [*folder.glob("*.json")]
        outdated = [] if earlier_record(job).get("scores") else [job.frames]
        try:
            for path in (*others, *outdated):
                path.unlink(missing_ok=True)
        except OSError as error:
            raise OutputError(folder, got=error.strerror, expected="a writable folder") from error


def run_jobs(
    jobs: Sequence[Job], stop: Stop, advance: Callable[[Job, Record], object], *, workers: int = 1,
    executor: Callable[[int], Executor] = ThreadPoolExecutor,
) -> Outcome:  # fmt: skip
    """Do all jobs; `advance` is called with each job that is done, and its record.

    `executor` is called with the number of workers, which may be threads, processes or other
    machines. A song that fails is recorded with its error. Ctrl-C ends the run early. Raises
    what `do_song` does; whatever is finished by then is kept.
    """
    waiting: dict[Future[Record], Job] = {}
    interrupted = False
    pool = executor(workers)
    try:
        with interrupts_deferred():
            for job in jobs:
                waiting[pool.submit(do_song, job)] = job
        for future in each_completed(waiting):
            advance(waiting[future], future.result())  # which raises what ends the run
    except KeyboardInterrupt:
        interrupted = True
    finally:
        stop.request()
        pool.shutdown(cancel_futures=True)
        stop.withdraw()
    records = {
        (job.entry, job.song.name): future.result()
        for future, job in waiting.items()
        if not future.cancelled() and future.exception() is None
    }
    return Outcome(records, interrupted)
