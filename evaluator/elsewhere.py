"""The worker's side of a cluster run: a request becomes a job, which is done as on one machine."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from evaluator.audio_files import duration
from evaluator.fingerprints import scoring_code, separation_code
from evaluator.jobs import Options, SystemJob, do_song
from evaluator.stop import Stop
from evaluator.systems import read_systems
from evaluator.test_sets import Song
from mdx.cluster.there import WorkerSong
from mdx.errors import Cancelled, OutputError, WeightsError
from mdx.limit.policy import Limit
from mdx.systems.spec import SAMPLE_RATE, SOURCES, folder_name

SHOWN = 12  # hex digits of a hash
BYTES = 4 * SAMPLE_RATE  # per second of a 16-bit stem


@dataclass(frozen=True)
class Withdrawn(Stop):
    """A request to stop that arrives through Dask."""

    asked: Callable[[], bool]

    def requested(self) -> bool:
        """Whether the client has withdrawn the song or disconnected."""
        return self.asked()


def code() -> dict[str, str]:
    """Hashes of the code that determines stems and scores; client and worker must agree on them."""
    separation, scoring = _hashes()
    return {"separation code": separation[:SHOWN], "scoring code": scoring[:SHOWN]}


@cache
def _hashes() -> tuple[str, str]:
    # Cached: a worker keeps running the code that it started with.
    return separation_code(), scoring_code()


def work(here: WorkerSong) -> dict[str, Any]:
    """Do one song of a system; returns its record, whose error has the client's paths, not ours.

    Raises what `do_song` does, and WeightsError if the system's weights are not the client's.
    """
    asked = here.request
    system = read_systems([str(here.system)], asked["precision"])[0]
    if system.key != asked["system_key"]:
        raise WeightsError(
            f"system {system.name}", got="other weights than the client's",
            expected="the same files",
            hint="a file is damaged, or missing on one side: fetch it again",
        )  # fmt: skip
    _check_room(here, asked)
    separation, scoring = _hashes()
    song = Song(folder_name("track name", asked["song"]), here.song.parent)
    job = SystemJob(
        system.name, song, here.results, Options(**asked["options"]), scoring,
        system, Limit(**asked["limit"]), here.threads, separation,
        Withdrawn(here.results, here.cancelled), asked["inherited"],
    )  # fmt: skip
    record = do_song(job)
    if here.cancelled():
        raise Cancelled(song.name)
    if record["error"]:
        _check_room(here, asked)  # if the disk is full by now, another worker may have space
        for path, ours in ((here.song.parent, asked["folder"]), (here.results, asked["out"])):
            for form in (str(path.resolve()), str(path)):
                record["error"] = record["error"].replace(form, ours)
    return record


def _check_room(here: WorkerSong, asked: dict[str, Any]) -> None:
    wide = 2 if asked["options"]["subtype"] == "FLOAT" else 1
    needed = int(len(SOURCES) * BYTES * wide * duration(here.song))
    here.results.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(here.results).free
    if free < needed:
        raise OutputError(
            "the worker's disk", got=f"{free / 1e6:.0f} MB free",
            expected=f"{needed / 1e6:.0f} MB for the stems",
        )  # fmt: skip
