"""Blend: the weighted mean of two estimators' versions of the same stems.

Source: paper, section 2.4 (shares of the separators and of Demucs).
"""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from mdx.combine.protocol import Stems
from mdx.systems.spec import Audio, require


class Blend:
    """Shares by stem; a stem that only the other estimator makes is taken from it unchanged."""

    kind: ClassVar[str] = "blend"
    needs_all: ClassVar[bool] = False

    def __init__(self, estimator: str | None, shares: Mapping[str, float]) -> None:
        """`shares` are those of the stems so far, 0 to 1; the other estimator has the remainder.

        Raises ConfigError if no estimator is named, or for other shares.
        """
        require(estimator is not None, "blend", "no estimator", "the name of one to blend with")
        self.estimator = estimator
        for stem, share in shares.items():
            number = isinstance(share, int | float) and not isinstance(share, bool)
            require(number and 0 <= share <= 1, f"blend: {stem}", repr(share), "a share of 0 to 1")
        self._shares = {stem: np.float32(share) for stem, share in shares.items()}

    def __call__(self, stems: Stems, aside: Stems | None, mix: Audio) -> Stems:
        """See mdx.combine.protocol.Combiner."""
        del mix
        if aside is None:
            return stems
        blended = dict(stems)
        for stem, other in aside.items():
            blended[stem] = other
            if stem in stems:
                blended[stem] = other + self._shares[stem] * (stems[stem] - other)
        return blended
