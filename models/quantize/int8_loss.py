"""The loss of int8: SDR of the song, SDR of its frames, and noise where a stem is quiet."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from evaluator.metrics import framewise_sdr, global_sdr, median_over_frames
from mdx.systems.spec import SAMPLE_RATE, Audio

MAX_LOSS = 0.01  # dB of SDR in either metric, over all songs
MAX_SONG_LOSS = 0.02  # dB of global SDR in any one song: gains elsewhere do not make up for it
QUIET = -60.0  # dBFS of a frame of the float32 estimate
MAX_NOISE = -66.0  # dBFS that int8 may add to such frames
FRAME = SAMPLE_RATE // 10  # samples


@dataclass(frozen=True)
class Loss:
    """The loss of one source over all songs, float32 and int8."""

    sdr: tuple[float, float]  # global, mean over songs, dB: float32, int8
    median: tuple[float, float]  # over frames of 1 s in which it is heard, then over songs, dB
    song: float  # the largest loss of global SDR in a song, dB
    noise: float  # dBFS in quiet frames of all songs; -inf where there are none

    @property
    def decibels(self) -> float:
        """The larger loss of the two metrics; negative where int8 is better in both."""
        return max(before - after for before, after in (self.sdr, self.median))

    @property
    def holds(self) -> bool:
        """Whether the losses and the noise are within their limits."""
        small = self.decibels <= MAX_LOSS and self.song <= MAX_SONG_LOSS
        return small and self.noise <= MAX_NOISE


def measure_loss(
    source: str, references: Sequence[Audio], before: Sequence[Audio], after: Sequence[Audio]
) -> Loss:
    """Compare float32 estimates of songs with int8 ones. Shape: (2, samples) each."""

    def songs(estimates: Sequence[Audio]) -> npt.NDArray[np.float64]:
        """The SDR of every song, dB. Shape: (2, samples) each -> (songs,)."""
        return np.array([global_sdr(*pair) for pair in zip(references, estimates, strict=True)])

    def median(estimates: Sequence[Audio]) -> float:
        """The median SDR of frames of 1 s, then of songs, dB. Shape: (2, samples) each."""
        medians = [
            median_over_frames(framewise_sdr({source: reference}, {source: found})[source])
            for reference, found in zip(references, estimates, strict=True)
        ]
        return float(np.median([value for value in medians if value is not None] or [0.0]))

    float32, int8 = songs(before), songs(after)
    return Loss(
        (float(float32.mean()), float(int8.mean())), (median(before), median(after)),
        float((float32 - int8).max()), quiet_noise(before, after),
    )  # fmt: skip


def worst_of(losses: Sequence[Loss]) -> Loss:
    """The deciding loss of a network that makes several stems: the first that does not hold."""
    return min(losses, key=lambda loss: (loss.holds, -loss.decibels))


def quiet_noise(before: Sequence[Audio], after: Sequence[Audio]) -> float:
    """The noise added to frames of 0.1 s below -60 dBFS, in dBFS (0: a full-scale square wave).

    Shape: (2, samples) each. -inf where no frame is quiet, or nothing was added.
    """
    energy, frames = 0.0, 0
    for quiet, noisy in zip(before, after, strict=True):
        found = _frame_power(quiet) < 10 ** (QUIET / 10)
        energy += float(_frame_power(noisy - quiet)[found].sum())
        frames += int(found.sum())
    return 10 * np.log10(energy / frames) if energy else float("-inf")


def _frame_power(audio: Audio) -> npt.NDArray[np.float64]:
    whole = audio.shape[1] // FRAME * FRAME
    frames = audio[:, :whole].astype(np.float64).reshape(len(audio), -1, FRAME)
    power: npt.NDArray[np.float64] = np.square(frames).mean(axis=(0, 2))
    return power
