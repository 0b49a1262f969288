"""`mdx separate --cluster`: the songs of a command on the workers of a Dask cluster."""

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mdx.audio.places import places_of
from mdx.audio.read import SongReader
from mdx.audio.spool import song_file
from mdx.cluster.connect import Cluster
from mdx.cluster.dispatch import Dispatcher, Request, move_all
from mdx.cluster.pack import Pack, pack_system
from mdx.cluster.version import versions
from mdx.errors import AudioError, MdxError
from mdx.interrupts import each_completed, interrupts_deferred
from mdx.limit.quality import may_replace, quality_path, remove_quality

log = logging.getLogger(__name__)
MOST_SONGS = 256  # in progress at once, each with a thread that waits for it
UNKNOWN = 32_000  # bytes assumed per second of a song whose header does not state its length


@dataclass(frozen=True)
class Elsewhere:
    """How the songs of a command are separated on other machines."""

    address: str
    system: str
    out: Path
    details: Mapping[str, Any]  # see mdx.cluster.separation
    suffix: str  # of a stem's file
    threads: int | None  # per song; None: each worker divides its CPUs
    quiet: bool  # whether to hide the progress bar

    def separate(
        self, songs: Sequence[tuple[Path, Mapping[str, Path]]],
        done: Callable[[Path, Mapping[str, Path], float], None],
        failed: Callable[[Path, Exception], None],
    ) -> None:  # fmt: skip
        """Separate songs, the longest first, and call `done` or `failed` as each one ends.

        If the command ends early, songs in progress are cancelled. Raises ClusterError if there is
        no cluster or none of its workers can be used.
        """
        from tqdm import tqdm  # which the challenge does not need

        pack, stop = pack_system(self.system), threading.Event()
        lengths = {path: seconds_of(path) for path, _ in songs}
        pool = ThreadPoolExecutor(MOST_SONGS)
        with Cluster(self.address) as cluster:
            dispatcher = Dispatcher(cluster, "separate", versions())
            total = round(sum(lengths.values()))
            # In seconds of audio, which keeps the estimated time right for songs of any length.
            bar = tqdm(total=total, unit="s", desc="audio", disable=self.quiet or None, leave=False)
            try:
                with bar:
                    waiting: dict[Future[float], tuple[Path, Mapping[str, Path]]] = {}
                    with interrupts_deferred():
                        for path, places in sorted(songs, key=lambda song: -lengths[song[0]]):
                            future = pool.submit(self._one, dispatcher, pack, path, places, stop)
                            waiting[future] = path, places
                    for future in each_completed(waiting):
                        path, places = waiting[future]
                        bar.update(lengths[path])
                        self._report(future, path, places, done, failed)
            finally:
                stop.set()
                pool.shutdown(cancel_futures=True)

    def _report(
        self, future: "Future[float]", path: Path, places: Mapping[str, Path],
        done: Callable[[Path, Mapping[str, Path], float], None],
        failed: Callable[[Path, Exception], None],
    ) -> None:  # fmt: skip
        try:
            seconds = future.result()
        except MdxError as error:
            failed(path, error)
        except Exception as error:  # whatever happened, go on with the other songs
            reason = f"{type(error).__name__} {error}".strip()
            failed(path, MdxError(path, got=reason, expected="stems"))
        else:
            done(path, places, seconds)

    def _one(
        self, dispatcher: Dispatcher, pack: Pack, path: Path, places: Mapping[str, Path],
        stop: threading.Event,
    ) -> float:  # fmt: skip
        places = places_of(places, path, tuple(places), self.suffix)
        with song_file(path) as file:
            request = Request(
                name=str(path), song=file, song_name=f"song{_ending(file)}", system=pack,
                details={**self.details, "song": str(path)}, out=self.out,
                threads=dispatcher.cluster.threads if self.threads is None else self.threads,
            )  # fmt: skip
            started = time.monotonic()
            with dispatcher.done(request, stop.is_set) as answer:
                for text in answer.value["warnings"]:
                    log.warning("%s", text)
                if answer.value["error"]:
                    raise AudioError.like(answer.value["error"])
                found = {answer.folder / f"{stem}{self.suffix}": to for stem, to in places.items()}
                told = quality_path(
                    {stem: answer.folder / f"{stem}{self.suffix}" for stem in places}
                )
                if told.is_file() and may_replace(quality_path(places)):
                    found[told] = quality_path(places)
                move_all(found)
                if told not in found:
                    remove_quality(places)
                log.info("%s: on %s, %s", path, answer.machine["host"], answer.machine["cpu"])
            return time.monotonic() - started


def seconds_of(path: Path) -> float:
    """The approximate duration of a song, without decoding it; 0 if it cannot be read."""
    try:
        if not path.is_file():
            return 0.0
        with SongReader(path) as song:
            if song.frames is not None:
                return song.frames / song.sample_rate
        return path.stat().st_size / UNKNOWN
    except (MdxError, OSError):  # the worker reports what is wrong
        return 0.0


def _ending(path: Path) -> str:
    ending = path.suffix.lower()
    return ending if ending[1:].isalnum() and ending.isascii() else ""
