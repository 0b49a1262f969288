"""Songs under random limits on machines that slow down, freeze, are busy, or become smaller."""

from pathlib import Path

import numpy as np

from benchmarks.limit import run_once
from benchmarks.soak.journal import Row
from evaluator.children import Children
from evaluator.disturbances import (
    Disturbance,
    busy,
    capped_memory,
    frozen,
    lost_cpus,
    slower,
    together,
)
from evaluator.replay import SongFailed, Submission, separate_song
from evaluator.test_sets import Song
from mdx.limit.policy import Limit

KINDS = ("slower", "frozen", "busy", "fewer CPUs", "capped memory", "all but memory")
OUT_OF_MEMORY = ("memory", "alloc")  # in the words of an error
LATE = ("expected it to end in time", "expected at most")  # the same
LAST_LEVEL = ("-m", "benchmarks.soak.last_level")


def draw(
    rng: np.random.Generator, duration: float, *, at_once: bool = False
) -> tuple[Limit, str, Disturbance]:
    """A random limit, and what happens to the machine, in words and as a disturbance.

    It happens within three seconds of the song, or `at_once`.
    """
    limit = Limit("ratio", float(rng.uniform(0.15, 1.57)))
    seconds = limit.seconds(duration) or duration
    kind, after = str(rng.choice(KINDS)), float(rng.uniform(0, 3)) * (not at_once)
    acts = {
        "slower": slower(float(np.exp(rng.uniform(0, np.log(20)))), after=after),
        "frozen": frozen(float(rng.uniform(0, 0.3)) * seconds, after=after),
        "busy": busy(int(rng.integers(1, 6)), after=after),
        "fewer CPUs": lost_cpus(1, after=after),
        "capped memory": capped_memory(float(rng.uniform(0, 300)), after=after),
    }
    if kind in acts:
        return limit, kind, acts[kind]
    return limit, kind, together([act for name, act in acts.items() if name != "capped memory"])


def try_limit(number: int, system: str, songs: list[Song], out: Path) -> Row:
    """One song on one machine, which its number draws.

    One that is late does not count if that machine cannot even write the scaled mixture in time.
    """
    song = songs[number % len(songs)]
    row = run_once(system, song, np.random.default_rng(number), out, draw)
    hopeless = is_late(row) and not can_be_in_time(number, system, song, out)
    bad = is_bad(row) and not hopeless
    return {**row, "number": number, "hopeless": hopeless, "bad": bad}


def can_be_in_time(number: int, system: str, song: Song, out: Path) -> bool:
    """Whether a machine is in time at the last quality level, slow from the song's start."""
    limit, _, disturbance = draw(np.random.default_rng(number), song.duration, at_once=True)
    submission = Submission(system, limit=limit, disturbance=disturbance, program=LAST_LEVEL)
    try:
        separate_song(submission, song.folder, out, Children())
    except SongFailed:
        return False
    return True


def is_late(row: Row) -> bool:
    """Whether a song came late, or was killed because it would have."""
    if row["error"] is None:
        return bool(row["share"] > 1)
    return any(words in row["error"] for words in LATE)


def is_bad(row: Row) -> bool:
    """Whether a song came late, or its stems are not valid.

    One that was refused the memory it needs may say so; it has no stems then.
    """
    error = row["error"]
    if error is None or is_late(row):
        return is_late(row)
    told = error.partition(": got ")[2].lower()  # after the song's name
    refused = any(word in told for word in OUT_OF_MEMORY)
    return not (row["machine"] == "capped memory" and refused)
