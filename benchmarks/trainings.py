"""Trainings of benchmarks, side by side: one that fails costs no other its result."""

import multiprocessing
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from itertools import islice
from typing import TypeVar

from mdx.errors import MdxError
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
    have finished. Ctrl-C stops those that have not begun.
    """
    errors: list[MdxError] = []
    pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"))
    try:
        names = {pool.submit(job): name for name, job in jobs.items()}
        for future in as_completed(names):
            try:
                result = future.result()
            except MdxError as error:
                print(f"{names[future]}: {error}", file=sys.stderr, flush=True)
                errors.append(error)
                continue
            yield names[future], result
    finally:
        pool.shutdown(cancel_futures=True)
    if errors:
        raise errors[0]


def first_complete(songs: Sequence[Song], source: str) -> list[Song]:
    """The first song in which everything that a network makes is heard; empty if there is none."""
    complete = (song for song in songs if all(is_heard(song, name) for name in targets(source)))
    return list(islice(complete, 1))
