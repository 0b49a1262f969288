"""The server's URLs and their handlers."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from mdx.errors import MdxError
from mdx.serve.exports import Exports, zipped
from mdx.serve.guard import Guard
from mdx.serve.jobs import Job, file_name
from mdx.serve.page import Page
from mdx.serve.peaks import peaks_path
from mdx.serve.queue import Queue
from mdx.serve.refusals import Refused, log_refusal
from mdx.serve.requests import attachment, format_of, gains_of, read_json, whole_number, wish_of
from mdx.serve.sounds import Sounds, read_samples
from mdx.serve.truths import Truths


class Site:
    """The handlers and their shared state."""

    def __init__(self, queue: Queue, page: Page) -> None:
        self.queue, self.page = queue, page
        self.exports = Exports(queue.shelf, queue.settings.reserve)
        self.truths = Truths(queue.settings, queue.shelf)
        self.sounds = Sounds(queue.shelf, self.truths)

    @property
    def routes(self) -> list[Route]:
        """All URLs."""
        return [
            Route("/", self.show_page),
            Route("/page/{name}", self.show_file),
            Route("/api/events", self.events),
            Route("/api/jobs", self.reserve, methods=["POST"]),
            Route("/api/jobs", self.remove_finished, methods=["DELETE"]),
            Route("/api/jobs/{id}", self.remove, methods=["DELETE"]),
            Route("/api/jobs/{id}/file", self.receive, methods=["PUT"]),
            Route("/api/jobs/{id}/cancel", self.cancel, methods=["POST"]),
            Route("/api/jobs/{id}/again", self.again, methods=["POST"]),
            Route("/api/jobs/{id}/samples/{kind}/{name}", self.samples),
            Route("/api/jobs/{id}/peaks/{kind}/{name}", self.peaks),
            Route("/api/jobs/{id}/spectrum/{kind}/{name}", self.spectrum),
            Route("/api/jobs/{id}/sound/{kind}/{name}", self.sound),
            Route("/api/jobs/{id}/stem/{name}", self.stem, methods=["GET", "POST"]),
            Route("/api/jobs/{id}/zip", self.zip, methods=["GET", "POST"]),
            Route("/api/jobs/{id}/mix", self.mix, methods=["GET", "POST"]),
            Route("/api/jobs/{id}/truth/{name}", self.take_truth, methods=["PUT"]),
            Route("/api/jobs/{id}/scores", self.score, methods=["POST"]),
        ]

    def job(self, request: Request) -> Job:
        """The job in a URL; raises Refused (404)."""
        found = self.queue.jobs.get(request.path_params["id"])
        if found is None:
            raise Refused(404, "got no job of that number, expected one of the list")
        return found

    async def show_page(self, _: Request) -> Response:
        """The page."""
        return self.page.html()

    async def show_file(self, request: Request) -> Response:
        """A stylesheet or a script."""
        name = request.path_params["name"]
        found = self.page.file(name, request.headers.get("if-none-match"))
        if found is None:
            raise Refused(404, "got no file of the page")
        return found

    async def events(self, _: Request) -> Response:
        """All jobs, and then each one that changes, as server-sent events."""
        if self.queue.hub.is_full:
            raise Refused(503, "pages: got one more than can be open, expected fewer; close some")
        return StreamingResponse(self._events(), media_type="text/event-stream")

    async def _events(self) -> AsyncIterator[str]:
        listener = self.queue.hub.listen()
        await anext(listener)  # before the list is made: what changes while it is sent comes after
        yield _event("all", [self.view(job) for job in self.queue.jobs.values()])
        async for changed in listener:
            for job_id in changed:
                job = self.queue.jobs.get(job_id)
                yield _event("gone", job_id) if job is None else _event("job", self.view(job))
            if not changed:
                yield ": still here\n\n"

    def view(self, job: Job) -> dict[str, Any]:
        """A job as the page gets it."""
        truths = self.truths
        return {
            **job.as_json(), "truth": truths.of(job), "truth_version": truths.version(job)
        }  # fmt: skip

    async def reserve(self, request: Request) -> Response:
        """Enter a song: {"name", "bytes", "system", "precision", "two_stems"}."""
        asked = await read_json(request)
        size = asked.get("bytes")
        if not isinstance(size, int) or isinstance(size, bool):
            raise Refused(400, f"bytes: got {size!r}, expected the size of the song")
        job = self.queue.reserve(str(asked.get("name", "")), size, wish_of(asked))
        return JSONResponse(self.view(job), 201)

    async def receive(self, request: Request) -> Response:
        """Receive the song's bytes."""
        return JSONResponse(
            self.view(await self.queue.receive(self.job(request), request.stream()))
        )

    async def cancel(self, request: Request) -> Response:
        """Cancel a job."""
        self.queue.cancel(self.job(request))
        return Response(status_code=204)

    async def again(self, request: Request) -> Response:
        """Separate a song again, for instance with another system."""
        job, asked = self.job(request), await read_json(request)
        return JSONResponse(self.view(self.queue.again(job, wish_of(asked))), 201)

    async def remove(self, request: Request) -> Response:
        """Remove a finished job."""
        self.queue.remove(self.job(request))
        return Response(status_code=204)

    async def remove_finished(self, _: Request) -> Response:
        """Remove all finished jobs."""
        for job in [job for job in self.queue.jobs.values() if job.is_finished]:
            self.queue.remove(job)
        return Response(status_code=204)

    async def samples(self, request: Request) -> Response:
        """A piece of a track as raw samples: ?start=0&count=65536."""
        path = self._track(request)
        start, count = (whole_number(request, key) for key in ("start", "count"))
        content = await run_in_threadpool(read_samples, path, start, count)
        return Response(content, media_type="application/octet-stream")

    async def peaks(self, request: Request) -> Response:
        """The outline of a track."""
        return FileResponse(peaks_path(self._track(request)), media_type="application/octet-stream")

    async def spectrum(self, request: Request) -> Response:
        """The spectrogram of a track."""
        path = await self.exports.spectrum(self._track(request))
        return FileResponse(path, media_type="application/octet-stream")

    async def sound(self, request: Request) -> Response:
        """A track as a WAV, for browsers without WebAudio."""
        return FileResponse(self._track(request), media_type="audio/wav")

    def _track(self, request: Request) -> Path:
        path = request.path_params
        return self.sounds.find(self.job(request), path["kind"], path["name"])

    async def stem(self, request: Request) -> Response:
        """A stem to download: ?format=flac."""
        job, kind, name = self.job(request), format_of(request), request.path_params["name"]
        path = await self.exports.stem(job, name, kind)
        answer = FileResponse(path, filename=f"{file_name(job.name)} - {name}.{kind}")
        return _download(request, answer)

    async def zip(self, request: Request) -> Response:
        """All stems to download: ?format=flac."""
        job, kind = self.job(request), format_of(request)
        if job.state != "done":
            raise Refused(409, f"{job.id}: got a job that is {job.state}, expected stems")
        files = await self.exports.stems(job, kind)
        headers = attachment(f"{file_name(job.name)}.zip")
        answer = StreamingResponse(zipped(files), media_type="application/zip", headers=headers)
        return _download(request, answer)

    async def mix(self, request: Request) -> Response:
        """A mix of the stems with given gains: ?format=mp3&gain=bass:0.5&gain=drums:1."""
        job, kind = self.job(request), format_of(request)
        path = await self.exports.mix(job, gains_of(request), kind)
        answer = FileResponse(path, filename=f"{file_name(job.name)} - mix.{kind}")
        return _download(request, answer)

    async def take_truth(self, request: Request) -> Response:
        """Receive a true stem's bytes."""
        job = self.job(request)
        size = int(request.headers.get("content-length", "0"))
        source = request.path_params["name"]
        self.truths.check(job, source, size)
        try:
            await self.truths.take(job, source, size, request.stream())
        finally:
            self.queue.note_truth(job)
        return Response(status_code=204)

    async def score(self, request: Request) -> Response:
        """Score a job's stems against the true ones."""
        job = self.job(request)
        scores = await self.truths.score(job)
        self.queue.note_scores(job, scores)
        return JSONResponse(scores)

    async def refuse(self, request: Request, error: Exception) -> Response:
        """The answer to a request that is refused or has failed, without the server's paths."""
        status = 400 if isinstance(error, MdxError | ClientDisconnect) else 500
        status = getattr(error, "status", getattr(error, "status_code", status))
        text = str(getattr(error, "detail", "")) or str(error) or type(error).__name__
        log_refusal(status, request.method, request.url.path, text)
        # JSON may contain half of a character, which UTF-8 cannot.
        text = text.encode("utf-8", "backslashreplace").decode()
        return JSONResponse({"error": self.queue.shelf.without_folders(text)}, status)


def make_app(queue: Queue, page: Page, *, loopback: bool) -> Starlette:
    """The application, which also runs the queue."""

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(it()) for it in (queue.run, queue.tidy, queue.warm_up)]
        yield
        for task in tasks:
            task.cancel()
        await queue.crew.stop()

    site = Site(queue, page)
    refused = (Refused, MdxError, HTTPException, ClientDisconnect, Exception)
    return Starlette(
        routes=site.routes,
        lifespan=lifespan,
        middleware=[Middleware(Guard, loopback=loopback, token=queue.settings.token)],
        exception_handlers=dict.fromkeys(refused, site.refuse),
    )


def _download(request: Request, answer: Response) -> Response:
    # A POST only makes the file: a page gets to know errors, which following a link would not show.
    return Response(status_code=204) if request.method == "POST" else answer


def _event(name: str, content: object) -> str:
    return f"event: {name}\ndata: {json.dumps(content)}\n\n"
