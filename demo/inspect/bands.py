"""Measures of real stems, and a check of which measures of a stem are outside their range."""

from dataclasses import dataclass

import numpy as np

from demo.inspect.measure import HERTZ, Levels

MARGIN = 8.0  # dB accepted around the range of the real stems, which are few
JUDGED = 9  # bands, up to 12 kHz; above that, codecs have cut off some songs


@dataclass(frozen=True)
class RealStem:
    """One stem of a real song, measured as `demo.inspect.measure` does, in whole dB."""

    source: str
    levels: tuple[int, ...]  # dB around HERTZ, relative to the loudest third octave
    correlation: float  # of left and right
    crest: int  # dB


@dataclass(frozen=True)
class Reference:
    """The accepted measures of a stem; ranges are from the lowest to the highest value."""

    real: tuple[RealStem, ...]
    correlation: tuple[float, float]  # judged
    crest: tuple[float, float]  # dB; shown only
    loudness: tuple[float, float]  # LUFS, the range that songs are drawn from; shown only

    @property
    def span(self) -> tuple[Levels, Levels]:
        """The lowest and highest accepted level of each band, dB. Shape: (10,) each."""
        levels = np.array([stem.levels for stem in self.real], dtype=np.float64)
        return levels.min(axis=0) - MARGIN, levels.max(axis=0) + MARGIN


# Songs 1 and 2 are real songs in stems; CSD is a dry, unaccompanied singing voice.
REFERENCES = {
    "bass": Reference(
        real=(
            RealStem("song 1", (-2, -4, -10, -33, -41, -54, -73, -88, -89, -91), 0.96, 16),
            RealStem("song 2", (-1, -2, -11, -28, -50, -79, -82, -81, -85, -86), 1.00, 19),
        ),
        correlation=(0.96, 1.0), crest=(16, 19), loudness=(-27, -18),
    ),
    "drums": Reference(
        real=(
            RealStem("song 1", (-4, -12, -21, -29, -36, -39, -42, -43, -47, -54), 0.89, 19),
            RealStem("song 2", (-1, -5, -21, -28, -29, -35, -37, -35, -38, -41), 0.95, 24),
        ),
        correlation=(0.85, 0.97), crest=(19, 24), loudness=(-24, -16),
    ),
    "other": Reference(
        real=(RealStem("song 1", (-14, -13, -7, -16, -29, -40, -56, -79, -92, -94), 0.66, 15),),
        correlation=(0.4, 0.9), crest=(15, 15), loudness=(-26, -16),
    ),
    "vocals": Reference(
        real=(
            RealStem("song 1", (-41, -33, -4, -6, -12, -18, -17, -32, -37, -47), 0.97, 14),
            RealStem("CSD, dry", (-46, -47, -9, -16, -13, -24, -31, -35, -42, -49), 1.00, 16),
        ),
        correlation=(0.95, 1.0), crest=(14, 16), loudness=(-22, -15),
    ),
}  # fmt: skip


def judge(stem: str, levels: Levels, correlation: float) -> dict[int, str]:
    """Describe each band up to 12 kHz, and the correlation, that is outside the accepted range.

    Keys are band indices; the correlation has the index after the last band.
    Shape: levels (10,), dB
    """
    reference = REFERENCES[stem]
    low, high = reference.span
    found = {}
    for band in range(JUDGED):
        for off, word in ((low[band] - levels[band], "low"), (levels[band] - high[band], "high")):
            if off > 0:
                found[band] = f"{hertz(HERTZ[band])} is {off:.1f} dB too {word}"
    least, most = reference.correlation
    for off, word in ((least - correlation, "low"), (correlation - most, "high")):
        if off > 0:
            found[len(HERTZ)] = f"L/R correlation is {off:.3f} too {word}"
    return found


def hertz(value: float) -> str:
    """A frequency in Hz or kHz, as text."""
    return f"{value / 1000:g} kHz" if value >= 1000 else f"{value:g} Hz"
