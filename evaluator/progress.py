"""How far a run is: a bar over its seconds of audio; without a terminal, a line for each song."""

import sys
from collections.abc import Sequence
from typing import Self

from tqdm import tqdm

from evaluator.jobs import Job
from evaluator.records import Record
from evaluator.scores import BASELINE


class Progress:
    """Shows the songs of a run as they are finished, on standard error."""

    def __init__(self, jobs: Sequence[Job]) -> None:
        """`jobs` are all of the run's."""
        self._songs = sum(job.entry != BASELINE for job in jobs)
        self._finished = 0
        # In seconds of audio, so that the time left is right for songs of different lengths.
        total = round(sum(map(_audio, jobs)))
        self._bar = tqdm(total=total, unit="s", desc="audio", disable=None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._bar.close()

    def advance(self, job: Job, record: Record) -> None:
        """Show that a song is finished."""
        if job.entry == BASELINE:
            return
        self._finished += 1
        self._bar.update(_audio(job))
        if self._bar.disable:
            line = f"{self._finished} of {self._songs}: {job.entry}, {job.song.name}: "
            print(line + _result(record), file=sys.stderr, flush=True)


def _audio(job: Job) -> float:
    # The time that a baseline takes is negligible.
    return 0.0 if job.entry == BASELINE else job.song.duration


def _result(record: Record) -> str:
    if record["error"]:
        return "failed"  # the error itself is printed at the end of the run
    found = record["scores"] and record["scores"]["sdr"]["song"]
    return "done" if found is None else f"{found:z.2f} dB"  # no -0.00
