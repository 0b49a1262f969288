"""The combiner protocol: one step of combining the estimators' stems."""

from collections.abc import Mapping
from typing import ClassVar, Protocol

from mdx.systems.spec import Audio

Stems = Mapping[str, Audio]  # by name, each of shape (2, samples)


class Combiner(Protocol):
    """One step; it keeps no state of a song, so threads can share it."""

    kind: ClassVar[str]
    needs_all: ClassVar[bool]  # whether it is left out at levels without a Mixer
    estimator: str | None  # whose stems are set aside for it

    def __call__(self, stems: Stems, aside: Stems | None, mix: Audio) -> Stems:
        """The stems after this step, as new arrays.

        `aside` are those of `estimator`; None if it does not run. Shape: mix (2, samples)
        """
        ...
