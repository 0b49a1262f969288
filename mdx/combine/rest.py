"""Rest: the mixture minus the stems so far, in equal parts for the stems that are missing."""

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from mdx.combine.protocol import Stems
from mdx.systems.spec import Audio


class Rest:
    """The last step of every system: under a time limit, some stems may have no estimator."""

    kind: ClassVar[str] = "rest"
    needs_all: ClassVar[bool] = False

    def __init__(self, stems: Sequence[str], estimator: str | None = None) -> None:
        """`stems` are all of the system's; the output of an `estimator` replaces the mixture."""
        self.estimator = estimator
        self._names = tuple(stems)

    def __call__(self, stems: Stems, aside: Stems | None, mix: Audio) -> Stems:
        """See mdx.combine.protocol.Combiner; stems set aside for this step replace the mixture."""
        missing = [name for name in self._names if name not in stems]
        if not missing:
            return stems
        rest = (mix if aside is None else next(iter(aside.values()))).copy()
        for name in self._names:
            if name in stems:
                rest -= stems[name]
        rest /= np.float32(len(missing))
        return {**stems, **dict.fromkeys(missing, rest)}
