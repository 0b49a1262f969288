"""The pitch of a voice, measured from its sound alone and compared with its score."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from demo.inspect.songs import Notes
from mdx.errors import ConfigError
from mdx.systems.spec import SAMPLE_RATE, Audio

LOWEST, HIGHEST = 60.0, 1600.0  # Hz, the range searched
VOICED = 0.5  # least confidence of a voiced frame
# Anything further below the loudest frame is reverberation, not the voice.
TAIL = 35.0  # dB
NEAR = 50.0  # cents
OCTAVE, OCTAVE_NEAR = 1200.0, 100.0  # cents

Values = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Contour:
    """The voiced frames of a song; both arrays have shape (frames,)."""

    seconds: Values
    pitch: Values  # MIDI, fractional

    @property
    def range(self) -> tuple[float, float] | None:
        """The 5th and the 95th percentile of the pitch; None if no frame is voiced."""
        if not len(self.pitch):
            return None
        low, high = np.percentile(self.pitch, [5, 95])
        return float(low), float(high)


@dataclass(frozen=True)
class Errors:
    """The pitch errors of the voiced frames within notes, relative to the score."""

    cents: Values  # (frames,)

    @property
    def near(self) -> float:
        """The share of frames within 50 cents."""
        return float((np.abs(self.cents) <= NEAR).mean())

    @property
    def octaves(self) -> float:
        """The share of frames that are an octave off: by 1200 cents, give or take 100."""
        return float((np.abs(np.abs(self.cents) - OCTAVE) <= OCTAVE_NEAR).mean())

    @property
    def median(self) -> float:
        """The median absolute error, cents."""
        return float(np.median(np.abs(self.cents)))


class PitchTracker:
    """A pitch tracker that does not see the score: SwiftF0, a network of 14 thousand weights.

    Nieradzik, "SwiftF0: Fast and Accurate Monophonic Pitch Detection" (2025).
    """

    def __init__(self) -> None:
        """Load the network; raises ConfigError if swift-f0 is missing."""
        try:
            from swift_f0 import SwiftF0
        except ImportError as error:
            raise ConfigError(
                "pitch", got=f"no {error.name}", expected="swift-f0, which measures it",
                hint="pip install -e '.[demo]'",
            ) from error  # fmt: skip
        self._detector = SwiftF0(threads=1, spin=False)

    def track(self, audio: Audio) -> Contour:
        """Measure the pitch of voiced frames, every 16 ms. Shape: (2, samples) -> (frames,)."""
        frames = self._detector.detect(audio.T, SAMPLE_RATE, LOWEST, HIGHEST)
        loud = frames.loudness_db > frames.loudness_db.max() - TAIL
        voiced = loud & (frames.confidence >= VOICED)
        pitch = 69 + 12 * np.log2(frames.pitch_hz[voiced] / 440)
        return Contour(frames.timestamps[voiced], pitch)


def compare(contour: Contour, notes: Notes) -> Errors:
    """Compare each voiced frame within notes with the most recent note, in cents.

    Shape: contour (frames,), notes (notes,) -> (frames within notes,)
    """
    index = np.searchsorted(notes.start, contour.seconds, side="right") - 1
    inside = index >= 0
    inside[inside] = contour.seconds[inside] < notes.end[index[inside]]
    return Errors(100 * (contour.pitch[inside] - notes.pitch[index[inside]]))
