"""What goes on beside a song's way through the networks: progress, cancelling, the time limit."""

import threading
from collections.abc import Callable

from mdx.errors import Cancelled
from mdx.limit.policy import Deadline
from mdx.stages import Stages

Progress = Callable[[int, int, str], None]  # chunks done, chunks in all (expected), stage


class Watch:
    """Counts chunks for the caller's progress, and ends the song where the caller asks for it."""

    def __init__(
        self,
        song: object,
        *,
        progress: Progress | None = None,
        cancel: threading.Event | None = None,
        stages: Stages | None = None,
        deadline: Deadline | None = None,
    ) -> None:
        self.stages = stages or Stages()
        self.deadline = deadline
        self._song = song
        self._total = 0
        self._done = 0
        self._progress = progress
        self._cancel = cancel

    def expect(self, chunks: int) -> None:
        """Say how many chunks are still to come."""
        self._total = self._done + chunks

    def check(self) -> None:
        """Raise Cancelled where the caller wants no more."""
        if self._cancel and self._cancel.is_set():
            raise Cancelled(self._song)

    def before_chunk(self, source: str) -> None:
        """Raises Cancelled, or StepDown where the time limit does not allow this chunk."""
        self.check()
        if self.deadline:
            self.deadline.before_chunk()
        self._tell(source)

    def after_chunk(self, source: str, *, share: float = 1.0, count: int = 1) -> None:
        """Count the chunks of a call; `share` is how long each was, of a whole one."""
        if self.deadline:
            self.deadline.after_chunk(source, share=share, count=count)
        self._done += count
        self._total = max(self._total, self._done)
        self._tell(source)

    def skip_chunk(self, source: str) -> None:
        """Count a silent chunk, which needs no network."""
        if self.deadline:
            self.deadline.skip_chunk(source)

    def finish(self) -> None:
        """Say that all is done."""
        self._done = self._total
        self._tell("done")

    def _tell(self, stage: str) -> None:
        if self._progress:
            self._progress(self._done, self._total, stage)
