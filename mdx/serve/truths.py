"""True stems of a song: stored as uploaded, decoded for playback, and used for scores."""

from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from mdx.serve.children import run_child
from mdx.serve.jobs import Job
from mdx.serve.peaks import peaks_path
from mdx.serve.refusals import Refused
from mdx.serve.settings import Settings
from mdx.serve.shelf import Shelf
from mdx.serve.spectra import spectrum_path
from mdx.serve.uploads import Bounds, receive
from mdx.systems.spec import MODELS, SOURCES

# From the repository's other packages: a separate process, which mdx does not need.
CHILD = "evaluator.score_song"
DECODER = "mdx.serve.export"


class Truths:
    """The true stems of every song."""

    def __init__(self, settings: Settings, shelf: Shelf) -> None:
        self._settings, self._shelf = settings, shelf

    def of(self, job: Job) -> list[str]:
        """The sources whose true stem exists and can be played."""
        folder = self._shelf.truth(job)
        return [source for source in SOURCES if (folder / f"{source}.wav").is_file()]

    def version(self, job: Job) -> int:
        """When the newest true stem came, in milliseconds; 0 without any."""
        times = [0]
        for source in SOURCES:
            with suppress(OSError):  # there is none, or not any more
                times.append((self._shelf.truth(job) / f"{source}.wav").stat().st_mtime_ns)
        return max(times) // 10**6

    def check(self, job: Job, source: str, size: int) -> None:
        """Raise Refused for a true stem of another name, or of an impossible size in bytes."""
        if source not in SOURCES:
            raise Refused(404, f"{job.id}: got '{source}', expected one of {SOURCES}")
        if not 0 < size <= self._settings.most_upload:
            raise Refused(413, f"{source}: got {size} bytes, expected a true stem")

    async def take(self, job: Job, source: str, size: int, body: AsyncIterator[bytes]) -> None:
        """Receive a true stem that check lets pass; without the new one, there is no old one.

        Raises Refused, also if it does not fit the song, or MdxError if it cannot be decoded.
        """
        bounds = Bounds(
            size=size, reserve=self._settings.reserve, free=self._shelf.free,
            patience=self._settings.patience,
        )  # fmt: skip
        upload, target = self._upload(job, source), self._shelf.truth(job) / f"{source}.wav"
        for old in (target, peaks_path(target), spectrum_path(target)):
            old.unlink(missing_ok=True)
        try:
            await receive(body, upload, bounds, lambda _: None)
            found = await run_child(DECODER, {
                "kind": "truth", "upload": str(upload), "target": str(target),
                "most_seconds": 3600 * self._settings.most_hours,
            })  # fmt: skip
            _check_fits(job, source, found)
        except BaseException as error:
            upload.unlink(missing_ok=True)
            target.unlink(missing_ok=True)
            if isinstance(error, Exception) and not self._shelf.song_folder(job).is_dir():
                raise Refused(410, f"true {source}: its song was removed meanwhile") from error
            raise

    async def score(self, job: Job) -> dict[str, Any]:
        """Both SDRs of a job's stems by source; raises Refused, or MdxError."""
        if not can_score():
            raise Refused(501, "scores: got no evaluator here, expected the whole repository")
        there = self.of(job)
        estimates = {
            source: str(self._shelf.stem(job, source)) for source in there if source in job.stems
        }
        if not estimates or job.state != "done":
            raise Refused(409, f"{job.id}: got no stem with a true one, expected some")
        return await run_child(CHILD, {
            "references": {source: str(self._upload(job, source)) for source in there},
            "estimates": estimates,
        })  # fmt: skip

    def _upload(self, job: Job, source: str) -> Path:
        return self._shelf.truth(job) / f"{source}.upload"


def can_score() -> bool:
    """Whether the evaluator is available, which a wheel does not contain."""
    return (MODELS.parent / "evaluator" / "score_song.py").is_file()


def _check_fits(job: Job, source: str, found: dict[str, Any]) -> None:
    if (found["sample_rate"], found["samples"]) != (job.sample_rate, job.samples):
        raise Refused(
            400, f"true {source}: got {found['samples']} samples at {found['sample_rate']} Hz, "
            f"expected {job.samples} at {job.sample_rate} Hz, as the song has"
        )  # fmt: skip
