"""How a player places notes on the grid: slightly off in time and force."""

from dataclasses import dataclass

import numpy as np

from demo.score import Clock, Note


@dataclass(frozen=True)
class Hand:
    """A player who follows a clock."""

    clock: Clock
    rng: np.random.Generator
    force: float = 0.09  # standard deviation of the velocity, relative

    def error(self) -> float:
        """The timing error of the next movement, seconds."""
        return float(self.rng.normal(0, self.clock.jitter))

    def note(
        self, bar: int, step: float, *, length: float, pitch: float = 0.0, velocity: float,
        text: str = "", late: float | None = None,
    ) -> Note:  # fmt: skip
        """A note of `length` steps at a step of a bar.

        It is `late` by so many seconds, or by a random error if that is None. Notes struck by one
        movement share one error.
        """
        start = self.clock.at(bar, step) + (self.error() if late is None else late)
        velocity = float(np.clip(velocity * (1 + self.rng.normal(0, self.force)), 0.05, 1.0))
        return Note(max(float(start), 0.0), length * self.clock.step, pitch, velocity, text)
