"""Trainings of benchmarks, side by side: one that fails costs no other its result."""

import multiprocessing
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from typing import TypeVar

from mdx.interrupts import each_completed
from mdx.processes import worker_processes
from training.config import targets
from training.songs import Song
from training.validation import is_heard

Name = TypeVar("Name")
Result = TypeVar("Result")


def train_all(
    jobs: Mapping[Name, Callable[[], Result]], workers: int
) -> Iterator[tuple[Name, Result]]:
    """Yield the name and the result of every training as it finishes.

    A training that fails is reported at once; the first of their errors is raised after all others
    have finished. Ctrl-C ends all of them. Raises ProcessError if one is killed.
    """
    errors: list[Exception] = []
    with worker_processes(workers, work="trainings") as pool:
        names = {pool.submit(job): name for name, job in jobs.items()}
        try:
            for future in each_completed(names):
                try:
                    result = future.result()
                except BrokenProcessPool:
                    raise
                except Exception as error:  # torch has errors of its own, for want of memory too
                    print(f"{names[future]}: {error}", file=sys.stderr, flush=True)
                    errors.append(error)
                    continue
                yield names[future], result
        except (KeyboardInterrupt, GeneratorExit):
            for process in multiprocessing.active_children():
                process.kill()  # a training would take minutes to finish
            raise
    if errors:
        raise errors[0]


def first_complete(songs: Sequence[Song], source: str) -> list[Song]:
    """The first song in which everything that a network makes is heard; empty if there is none."""
    complete = (song for song in songs if all(is_heard(song, name) for name in targets(source)))
    return list(islice(complete, 1))
