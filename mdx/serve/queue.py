"""The queue: all jobs, and the one in progress."""

import asyncio
import logging
import secrets
import time
from collections.abc import AsyncIterator
from typing import Any

from mdx.errors import MdxError, OutputError
from mdx.serve.crew import Crew
from mdx.serve.events import Hub
from mdx.serve.jobs import Job, Wish, plain_name
from mdx.serve.menu import Choice, Menu
from mdx.serve.refusals import Refused
from mdx.serve.settings import Settings
from mdx.serve.shelf import Shelf
from mdx.serve.uploads import Bounds, receive

log = logging.getLogger(__name__)
MOST_UPLOADS = 4  # at a time; others wait, with nothing read of them
TIDY_EVERY = 60.0  # seconds


class Queue:
    """Jobs in the order of their arrival; one song at a time uses all threads."""

    def __init__(self, settings: Settings, shelf: Shelf, menu: Menu) -> None:
        """Load the jobs of an earlier server and continue its queue."""
        self.settings, self.shelf, self.menu = settings, shelf, menu
        self.hub, self.crew = Hub(), Crew()
        self.jobs: dict[str, Job] = {}
        self._news = asyncio.Event()
        self._cancels: dict[str, asyncio.Event] = {}  # of jobs in progress
        self._uploads: set[str] = set()  # ids of jobs whose upload is in progress, or waits
        self._slots = asyncio.Semaphore(MOST_UPLOADS)
        self._latest_upload = 0.0  # when it ended
        for job in shelf.load():
            self.jobs[job.id] = job
            if job.state == "uploading":
                self._end(job, "failed", error="upload: got a server that stopped; send it again")
            elif job.state == "working":
                shelf.drop_results(job)
                self._put(job, state="queued", stage="", done=0, total=0, seconds_left=None)

    # Requests of the page

    def reserve(self, name: str, size: int, wish: Wish) -> Job:
        """Enter a song before its upload; raises Refused if there is no room for it."""
        if not 0 < size <= self.settings.most_upload:
            expected = f"1 byte to {self.settings.most_upload / 1e6:.0f} MB"
            raise Refused(413, f"{plain_name(name)}: got {size} bytes, expected {expected}")
        self._check_room()
        self._bounds(size).check_disk(size)
        job = Job(_new_id(), _new_id(), plain_name(name), size, wish, created=time.time())
        self.menu.choose(wish)
        return self._put(job)

    async def receive(self, job: Job, body: AsyncIterator[bytes]) -> Job:
        """Receive a song and queue it; if that is refused, the job fails. Raises Refused."""
        self._check_kept(job)
        if job.state != "uploading" or job.id in self._uploads:
            raise Refused(409, f"{job.id}: got a second upload, expected one")
        self._uploads.add(job.id)
        try:
            async with self._slots:
                self._check_kept(job)
                await receive(
                    body, self.shelf.upload(job), self._bounds(job.bytes),
                    lambda received: self._arrived(job, received),
                )  # fmt: skip
        except BaseException as error:
            broken = "upload: it broke off; send the song again"
            self._fail_upload(job.id, str(error) if isinstance(error, Refused) else broken)
            raise
        finally:
            self._uploads.discard(job.id)
            self._latest_upload = time.time()
        self._check_kept(job)
        return self._put(self.jobs[job.id], state="queued", received=job.bytes)

    def _arrived(self, job: Job, received: int) -> None:
        self._check_kept(job)  # nobody needs the rest of a song that was cancelled
        self._show(job.id, received=received)

    def _check_kept(self, job: Job) -> None:
        if job.id not in self.jobs or self.jobs[job.id].state == "cancelled":
            raise Refused(410, f"{job.id}: it was cancelled meanwhile")

    def again(self, job: Job, wish: Wish) -> Job:
        """Queue another separation of an existing song; raises Refused."""
        if not self.shelf.upload(job).is_file():
            raise Refused(409, f"{job.id}: got no song, expected an upload that is whole")
        self._check_room()
        self.menu.choose(wish)
        fresh = Job(_new_id(), job.song, job.name, job.bytes, wish, time.time())
        facts = {"sample_rate": job.sample_rate, "samples": job.samples, "received": job.received}
        return self._put(fresh, state="queued", **facts)

    def cancel(self, job: Job) -> None:
        """Cancel a job that is not finished."""
        if job.state == "working":
            self._cancels[job.id].set()
        elif not job.is_finished:
            self._end(job, "cancelled")

    def remove(self, job: Job) -> None:
        """Remove a finished job with all its files; raises Refused for another one."""
        if not job.is_finished:
            raise Refused(409, f"{job.id}: got a job that is {job.state}; cancel it first")
        del self.jobs[job.id]
        others = any(other.song == job.song for other in self.jobs.values())
        self.shelf.remove(job, with_song=not others)
        self.hub.publish(job.id)

    def note_scores(self, job: Job, scores: dict[str, Any] | None) -> None:
        """Store the scores of a job's stems."""
        if job.id in self.jobs:
            self._put(self.jobs[job.id], scores=scores)

    def note_truth(self, job: Job) -> None:
        """Remove the scores of all jobs of a song whose true stems have changed."""
        for other in [it for it in self.jobs.values() if it.song == job.song]:
            self._put(other, scores=None)

    # Background tasks

    async def run(self) -> None:
        """Separate queued songs, forever."""
        while True:
            waiting = [job for job in self.jobs.values() if job.state == "queued"]
            if waiting:
                await self._separate(waiting[0])
            else:
                self._news.clear()
                await self._news.wait()

    async def tidy(self) -> None:
        """Remove expired jobs and abandoned uploads, forever."""
        while True:
            self.tidy_once(time.time())
            await asyncio.sleep(TIDY_EVERY)

    def tidy_once(self, now: float) -> None:
        """Remove jobs and uploads that have expired at a time; a page sends songs one by one."""
        for job in list(self.jobs.values()):
            since = max(job.created, self._latest_upload)
            overdue = not self._uploads and now - since > 2 * self.settings.patience
            if job.is_finished and now - (job.ended or 0) > 3600 * self.settings.keep_hours:
                self.remove(job)
            elif job.state == "uploading" and overdue:
                self._fail_upload(job.id, "upload: it never came; send the song again")

    async def warm_up(self) -> None:
        """Load the default system, to save the first song the wait."""
        choice = self.menu.choose(Wish(self.menu.default, self.menu.precision))
        await self.crew.worker(choice.setup)

    async def _separate(self, job: Job) -> None:
        cancel = self._cancels[job.id] = asyncio.Event()
        job = self._put(job, state="working", started=time.time(), stage="loading")
        try:
            choice = self.menu.choose(job.wish)
            worker = await self.crew.worker(choice.setup)
            last = await worker.separate(
                self._order(job, choice), lambda event: self._hear(job.id, event), cancel
            )
        except MdxError as error:
            last = {"event": "failed", "reason": str(error)}
        except Exception as error:  # whatever happened, the queue continues
            log.exception("job %s", job.id)
            last = {"event": "failed", "reason": f"got {error!r}, expected stems; try it again"}
        finally:
            del self._cancels[job.id]
        self._finish(self.jobs[job.id], last)

    def _order(self, job: Job, choice: Choice) -> dict[str, Any]:
        return {
            "id": job.id,
            "name": job.name,
            "upload": str(self.shelf.upload(job)),
            "mixture": str(self.shelf.mixture(job)),
            "out": str(self.shelf.job_folder(job) / "stems"),
            "rest": choice.rest,
            "limit": choice.limit,
            "most_seconds": 3600 * self.settings.most_hours,
        }

    def _hear(self, job_id: str, event: dict[str, Any]) -> None:
        job = self.jobs[job_id]
        if event["event"] == "progress":
            done, total = event["done"], event["total"]
            spent = time.time() - (job.started or 0)
            left = round(spent * (total - done) / done, 1) if done else None
            self._show(job_id, done=done, total=total, stage=event["stage"], seconds_left=left)
        elif event["event"] == "original":
            facts = {key: event[key] for key in ("sample_rate", "samples")}
            for other in [it for it in self.jobs.values() if it.song == job.song]:
                self._put(other, **facts)

    def _finish(self, job: Job, last: dict[str, Any]) -> None:
        if last["event"] == "done":
            self._end(
                job, "done", stems=tuple(last["stems"]), seconds=last["seconds"],
                notes=tuple(last["notes"]), degraded=tuple(last["degraded"]), done=job.total,
            )  # fmt: skip
            return
        self.shelf.drop_results(job)
        if last["event"] == "cancelled":
            self._end(job, "cancelled")
        else:
            log.warning("job %s failed: %s", job.id, last["reason"])
            self._end(job, "failed", error=last["reason"])

    def _end(self, job: Job, state: str, **values: Any) -> None:
        self._put(job, state=state, ended=time.time(), stage="", seconds_left=None, **values)

    def _fail_upload(self, job_id: str, reason: str) -> None:
        job = self.jobs.get(job_id)
        if job is not None and job.state == "uploading":
            self._end(job, "failed", error=reason)

    def _put(self, job: Job, **values: Any) -> Job:
        # Write to disk, and send to all pages.
        job = self.jobs[job.id] = job.changed(**values)
        try:
            self.shelf.save(job)
        except OutputError as error:  # a full disk stops neither the job nor the server
            log.warning("job %s is not kept: %s", job.id, error)
        self._news.set()
        self.hub.publish(job.id)
        return job

    def _show(self, job_id: str, **values: Any) -> None:
        # Send to all pages only: progress is not stored.
        if job_id in self.jobs:
            self.jobs[job_id] = self.jobs[job_id].changed(**values)
            self.hub.publish(job_id)

    def _check_room(self) -> None:
        if len(self.jobs) >= (most := self.settings.most_songs):
            raise Refused(503, f"queue: got one song more than {most}; remove some, or wait")

    def _bounds(self, size: int) -> Bounds:
        of = self.settings
        return Bounds(size=size, reserve=of.reserve, free=self.shelf.free, patience=of.patience)


def _new_id() -> str:
    return secrets.token_hex(8)
