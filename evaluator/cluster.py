"""The executor of a run on other machines: the same jobs, each done by the next free worker."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, replace
from threading import BoundedSemaphore
from typing import Any

from evaluator.elsewhere import code
from evaluator.jobs import Job, SystemJob, earlier_record, finish_song, keep_record
from evaluator.records import Record, json_name
from evaluator.replay import SETUP_SECONDS
from mdx.cluster.connect import Cluster
from mdx.cluster.dispatch import Dispatcher, Request, Response, SongLost, move_all
from mdx.cluster.files import place_in
from mdx.cluster.pack import Pack, pack_system
from mdx.cluster.version import versions
from mdx.cluster.workers import HUNG
from mdx.errors import AudioError, ConfigError
from mdx.machine import available_cpus

MOST_SONGS = 256  # in progress at once, each with a thread that waits for it
SCORING = 900.0  # seconds for scoring and for everything outside the limit


@contextmanager
def open_cluster(address: str | None, workers: int = 1) -> Iterator[Cluster | None]:
    """The cluster at an address, closed at the end of the block; None without an address.

    Raises ClusterError, or ConfigError if more `workers` on this machine are requested as well.
    """
    if address is None:
        yield None
        return
    if workers != 1:
        raise ConfigError(
            "--workers", got=f"{workers} with --cluster", expected="one of the two",
            hint="a worker does as many songs at once as it has Dask threads",
        )  # fmt: skip
    with Cluster(address) as cluster:
        yield cluster


class ClusterExecutor(Executor):
    """Separates songs on the workers of a cluster; whatever only needs scoring is done here."""

    def __init__(self, cluster: Cluster, *, hung: float = HUNG) -> None:
        """A worker that gives no sign of life for `hung` seconds is considered lost."""
        self._dispatcher = Dispatcher(cluster, "evaluate", {**versions(), **code()}, hung=hung)
        self._pool = ThreadPoolExecutor(MOST_SONGS)
        # Every song that is scored here takes a CPU, and memory for all of its stems.
        self._here = ThreadPoolExecutor(available_cpus())
        self._scoring = BoundedSemaphore(available_cpus())
        self._packs: dict[str, Pack] = {}

    def submit(self, do: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        """Schedule `do(job)`: on a worker if the job separates a song, otherwise here."""
        job = args[0]
        if isinstance(job, SystemJob):
            if job.entry not in self._packs:
                self._packs[job.entry] = pack_system(job.system.given)
            return self._pool.submit(self._do, job, do)
        return self._here.submit(do, *args, **kwargs)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Shut down; the `Stop` of each job withdraws the songs that are in progress."""
        for pool in (self._pool, self._here):
            pool.shutdown(wait, cancel_futures=cancel_futures)

    def _do(self, job: SystemJob, do: Callable[[Job], Record]) -> Record:
        try:
            old = earlier_record(job).get("separation")
            if old and job.is_known(old):
                with self._scoring:
                    return do(job)
            with (
                self._dispatcher.done(self._request(job), job.stop.requested) as answer,
                self._scoring,
            ):
                return _take(job, answer)
        except (SongLost, AudioError) as error:
            for path in job.files.values():  # of an earlier run
                path.unlink(missing_ok=True)
            return keep_record(job, None, error=str(error))

    def _request(self, job: SystemJob) -> Request:
        limit = job.limit.seconds(job.song.duration)
        patience = None
        if limit is not None:
            patience = SCORING + job.options.repeat * (float(SETUP_SECONDS) + limit)
        return Request(
            name=f"{job.entry}: {job.song.name}",
            song=job.song.folder / "mixture.wav",
            song_name=f"{job.song.name}/mixture.wav",
            system=self._packs[job.entry],
            details={
                "song": job.song.name,
                "folder": str(job.song.folder),
                "out": str(job.out),
                "options": asdict(replace(job.options, resume=False)),
                "limit": asdict(job.limit),
                "precision": job.system.precision,
                "system_key": job.system.key,
                "inherited": dict(job.inherited),
            },
            out=job.out,
            threads=self._dispatcher.cluster.threads,
            patience=patience,
        )


def _take(job: SystemJob, answer: Response) -> Record:
    # Move stems and framewise scores into place, then write the record. If the worker had no true
    # stems to score against, or different ones, the scores are computed here.
    record: Record = answer.value
    stems = answer.folder / "stems" / job.entry / job.song.name
    stems.mkdir(parents=True, exist_ok=True)  # a song that failed may have none
    places = {stems: job.out / "stems" / job.entry / job.song.name}
    name = f"scores/{job.entry}/test/{json_name(job.song.name)}"
    if (frames := place_in(answer.folder, name)).is_file():
        places[frames] = place_in(job.out, name)
    move_all(places)
    if record["separation"] is None:
        return keep_record(job, None, error=record["error"])
    separation = {**record["separation"], "machine": answer.machine}
    return finish_song(job, separation, record["scores"])


def longest_first(jobs: Sequence[Job]) -> list[Job]:
    """Sort jobs by duration, longest first, so that no long song is left for the end."""
    return sorted(jobs, key=lambda job: -job.song.duration)
