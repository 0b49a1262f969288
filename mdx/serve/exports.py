"""Downloads: stems, unchanged or encoded, a zip of all, and mixes."""

import asyncio
import hashlib
import shutil
import zipfile
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from mdx.audio.formats import FORMATS
from mdx.serve.children import run_child
from mdx.serve.jobs import Job, file_name
from mdx.serve.refusals import Refused
from mdx.serve.shelf import MIX, Shelf
from mdx.serve.spectra import spectrum_path
from mdx.serve.uploads import check_disk

CHILD = "mdx.serve.export"
AT_ONCE = 2  # processes that encode
PIECE = 1 << 18  # bytes of a zip at a time
LOUDEST = 4.0  # gain of a fader: 12 dB


class Exports:
    """Files to download; encoded ones are kept with their job."""

    def __init__(self, shelf: Shelf, reserve: int) -> None:
        """`reserve` is the disk space that is left free, in bytes."""
        self._shelf, self._reserve = shelf, reserve
        self._room = asyncio.Semaphore(AT_ONCE)
        self._locks: dict[Path, tuple[asyncio.Lock, int]] = {}  # with waiters

    async def stem(self, job: Job, stem: str, kind: str) -> Path:
        """A stem in a format of FORMATS; raises Refused, or MdxError if it cannot be made."""
        check_format(kind)
        if stem not in job.stems:
            raise Refused(404, f"{job.id}: got the stem '{stem}', expected one of {job.stems}")
        wav = self._shelf.stem(job, stem)
        if kind == "wav":
            return wav
        target = self._shelf.job_folder(job) / "exports" / f"{stem}.{kind}"
        async with self._alone(target):
            if not target.is_file():
                await self._run({
                    "kind": "stem", "wav": str(wav), "format": kind, "target": str(target),
                    "song": str(self._shelf.upload(job)),
                }, wav.stat().st_size)  # fmt: skip
        return target

    async def spectrum(self, wav: Path) -> Path:
        """The spectrogram of a track."""
        target = spectrum_path(wav)
        async with self._alone(target):
            if not target.is_file():
                await self._run({"kind": "spectrum", "wav": str(wav)}, 0)
        return target

    async def stems(self, job: Job, kind: str) -> dict[str, Path]:
        """All stems in a format, by name in a zip."""
        paths = await asyncio.gather(*(self.stem(job, stem, kind) for stem in job.stems))
        named = zip(job.stems, paths, strict=True)
        return {f"{file_name(job.name)}/{stem}.{kind}": path for stem, path in named}

    async def mix(self, job: Job, gains: Mapping[str, float], kind: str) -> Path:
        """The mix of the stems with the given gains; of its mixes, a job keeps the latest one.

        Raises Refused, or MdxError if it cannot be made.
        """
        check_format(kind)
        audible = {stem: gain for stem, gain in gains.items() if gain}
        if not audible or not set(audible) <= set(job.stems):
            raise Refused(400, f"mix: got {dict(gains)}, expected gains of {job.stems}")
        if not all(0 < gain <= LOUDEST for gain in audible.values()):
            raise Refused(400, f"mix: got {dict(gains)}, expected gains from 0 to {LOUDEST:g}")
        tracks = [(str(self._shelf.stem(job, stem)), audible[stem]) for stem in sorted(audible)]
        name = hashlib.sha256(repr(tracks).encode()).hexdigest()[:16]
        folder = self._shelf.job_folder(job)
        target = folder / f"{MIX}{name}" / f"mix.{kind}"
        async with self._alone(folder):
            if not target.is_file():
                for old in folder.glob(f"{MIX}*"):
                    shutil.rmtree(old, ignore_errors=True)
                await self._run({
                    "kind": "mix", "format": kind, "target": str(target), "tracks": tracks,
                    "song": str(self._shelf.upload(job)),
                }, 4 * job.samples * 4)  # fmt: skip
        return target

    @asynccontextmanager
    async def _alone(self, target: Path) -> AsyncIterator[None]:
        # Concurrent requests for one file share the first one's result.
        lock, waiting = self._locks.get(target, (asyncio.Lock(), 0))
        self._locks[target] = lock, waiting + 1
        try:
            async with lock:
                yield
        finally:
            lock, waiting = self._locks[target]
            self._locks[target] = lock, waiting - 1
            if waiting == 1:
                del self._locks[target]

    async def _run(self, request: dict[str, object], size: int) -> None:
        check_disk(self._shelf.free(), self._reserve, size)
        async with self._room:
            await run_child(CHILD, request)


def check_format(kind: str) -> None:
    """Raise Refused for a format that is not in FORMATS."""
    if kind not in FORMATS:
        raise Refused(400, f"format: got '{kind}', expected one of {', '.join(FORMATS)}")


def zipped(files: Mapping[str, Path]) -> Iterator[bytes]:
    """Stream a zip of files, uncompressed since audio does not get smaller."""
    sink = _Sink()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED) as archive:
        for name, path in files.items():
            with path.open("rb") as source, archive.open(name, "w", force_zip64=True) as entry:
                while piece := source.read(PIECE):
                    entry.write(piece)
                    yield sink.take()
    yield sink.take()


class _Sink:
    # A write-only file that buffers what has not been read yet.

    def __init__(self) -> None:
        self._waiting = bytearray()

    def write(self, data: bytes) -> int:
        self._waiting += data
        return len(data)

    def flush(self) -> None:
        pass

    def close(self) -> None:
        pass

    def take(self) -> bytes:
        taken = bytes(self._waiting)
        self._waiting.clear()
        return taken
