"""Progress of a song for the caller: segments done, seconds by stage, and cancelling."""

import threading
from collections.abc import Callable

from mdx.errors import Cancelled
from mdx.stages import Stages

Progress = Callable[[int, int, str], None]  # segments done, in all (expected), stage


class Monitor:
    """Counts segments for the caller's progress; it only observes, and raises only Cancelled.

    A segment is what one call of one estimator covers; silent ones count, though no network runs.
    """

    def __init__(
        self,
        song: object,
        *,
        progress: Progress | None = None,
        cancel: threading.Event | None = None,
        stages: Stages | None = None,
    ) -> None:
        """`progress` is called from the working thread; `cancel` is checked between segments."""
        self.stages = stages or Stages()
        self._song = song
        self._total = 0
        self._done = 0
        self._progress = progress
        self._cancel = cancel

    def expect(self, segments: int) -> None:
        """Set how many segments are still to come."""
        self._total = self._done + segments

    def check(self) -> None:
        """Raise Cancelled if the caller has cancelled."""
        if self._cancel and self._cancel.is_set():
            raise Cancelled(self._song)

    def before_segment(self, estimator: str) -> None:
        """Raise Cancelled if the caller has cancelled; otherwise report the stage."""
        self.check()
        self._report(estimator)

    def after_segment(self, estimator: str, *, count: int, share: float) -> None:
        """Count the segments of a call."""
        del share
        self._done += count
        self._total = max(self._total, self._done)
        self._report(estimator)

    def skip_segment(self, estimator: str, *, count: int) -> None:
        """Count silent segments as done; raises Cancelled."""
        self.check()
        self.after_segment(estimator, count=count, share=1.0)

    def finish(self) -> None:
        """Report that everything is done."""
        self._done = self._total
        self._report("done")

    def _report(self, stage: str) -> None:
        if self._progress:
            self._progress(self._done, self._total, stage)
