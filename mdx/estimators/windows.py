"""Windows under which estimates are added up, by name."""

from collections.abc import Callable, Mapping

import numpy as np

from mdx.systems.spec import Audio


def rectangular(samples: int, segment: int) -> Audio:
    """Every sample counts alike. Shape: (samples,)."""
    del segment
    return np.ones(samples, dtype=np.float32)


def hann(samples: int, segment: int) -> Audio:
    """Symmetric, and as long as what the segment holds: zero at both ends. Shape: (samples,)."""
    del segment
    return np.hanning(samples).astype(np.float32)


def triangle(samples: int, segment: int) -> Audio:
    """Of a whole segment, cut off where the segment is. Shape: (samples,)."""
    rise, fall = segment // 2, segment - segment // 2
    ramp = np.concatenate([np.arange(1, rise + 1), np.arange(fall, 0, -1)])
    window: Audio = (ramp / np.float32(ramp.max())).astype(np.float32)
    return window[:samples]


WINDOWS: Mapping[str, Callable[[int, int], Audio]] = {
    "rectangular": rectangular,
    "hann": hann,
    "triangle": triangle,
}
