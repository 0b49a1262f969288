"""Songs under random limits on machines that slow down, freeze, are busy, or become smaller."""

from pathlib import Path

import numpy as np

from benchmarks.limit import run_once
from benchmarks.soak.journal import Row
from evaluator.disturbances import (
    Disturbance,
    busy,
    capped_memory,
    frozen,
    lost_cpus,
    slower,
    together,
)
from evaluator.test_sets import Song
from mdx.limit.policy import Limit

KINDS = ("slower", "frozen", "busy", "fewer CPUs", "capped memory", "all but memory")
OUT_OF_MEMORY = ("memory", "alloc")  # in the words of an error


def draw(rng: np.random.Generator, duration: float) -> tuple[Limit, str, Disturbance]:
    """A random limit, and what happens to the machine, in words and as a disturbance."""
    limit = Limit("ratio", float(rng.uniform(0.15, 1.57)))
    seconds = limit.seconds(duration) or duration
    kind, after = str(rng.choice(KINDS)), float(rng.uniform(0, 3))
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
    """One song on one machine, which its number draws."""
    row = run_once(system, songs[number % len(songs)], np.random.default_rng(number), out, draw)
    return {**row, "number": number, "bad": is_bad(row)}


def is_bad(row: Row) -> bool:
    """Whether a song came late, or its stems are not valid.

    One that was refused the memory it needs may say so; it has no stems then.
    """
    error = row["error"]
    if error is None:
        return bool(row["share"] > 1)
    told = error.partition(": got ")[2].lower()  # after the song's name
    refused = any(word in told for word in OUT_OF_MEMORY)
    return not (row["machine"] == "capped memory" and refused)
