"""A worker's part of a run: the job of a system and a song, made of the errand and done as here."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from evaluator.fingerprints import scoring_code, separation_code
from evaluator.jobs import Options, SystemJob, do_song
from evaluator.stop import Stop
from evaluator.systems import read_systems
from evaluator.test_sets import Song
from mdx.cluster.there import Errand
from mdx.errors import Cancelled, WeightsError
from mdx.limit.policy import Limit
from mdx.systems.spec import track_name

SHOWN = 12  # hex digits of a hash


@dataclass(frozen=True)
class Withdrawn(Stop):
    """A request to end that Dask brings."""

    asked: Callable[[], bool]

    def requested(self) -> bool:
        """Whether the client gave the song up, or is gone."""
        return self.asked()


def code() -> dict[str, str]:
    """What decides about stems and scores, which must be the same on both sides."""
    separation, scoring = _hashes()
    return {"code of the separation": separation[:SHOWN], "code of the scoring": scoring[:SHOWN]}


@cache
def _hashes() -> tuple[str, str]:
    # Of a worker's code as it was when it was first asked.
    return separation_code(), scoring_code()


def work(errand: Errand) -> dict[str, Any]:
    """Do one song of a system; returns its record, with no path of this machine in its error.

    Raises what `do_song` does, and WeightsError where the system would not be the client's.
    """
    asked = errand.request
    system = read_systems([str(errand.system)], asked["precision"])[0]
    if system.key != asked["system_key"]:
        raise WeightsError(
            f"system {system.name}", got="other weights than the client's",
            expected="the same files", hint="one is damaged, or missing on one side: fetch it",
        )  # fmt: skip
    separation, scoring = _hashes()
    song = Song(track_name(asked["song"]), errand.song.parent)
    job = SystemJob(
        system.name, song, errand.results, Options(**asked["options"]), scoring,
        system, Limit(**asked["limit"]), errand.threads, separation,
        Withdrawn(errand.results, errand.cancelled), asked["inherited"],
    )  # fmt: skip
    record = do_song(job)
    if errand.cancelled():
        raise Cancelled(song.name)
    if record["error"]:
        there = {str(errand.song.parent): asked["folder"], str(errand.results): asked["out"]}
        for path, ours in there.items():
            record["error"] = record["error"].replace(path, ours)
    return record
