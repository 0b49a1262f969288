"""Windows under which estimates are added up, by name: of samples, a whole segment, a step."""

from collections.abc import Callable, Mapping

import numpy as np

from mdx.systems.spec import Audio

# What a sample counts for that is only used where nothing else is: next to 1 it vanishes.
FAINT = 2.0**-40


def rectangular(samples: int, segment: int, step: int) -> Audio:
    """Every sample counts alike. Shape: (samples,)."""
    del segment, step
    return np.ones(samples, dtype=np.float32)


def hann(samples: int, segment: int, step: int) -> Audio:
    """Symmetric, and as long as what the segment holds: zero at both ends. Shape: (samples,)."""
    del segment, step
    return np.hanning(samples).astype(np.float32)


def triangle(samples: int, segment: int, step: int) -> Audio:
    """Of a whole segment, cut off where the segment is. Shape: (samples,)."""
    del step
    rise, fall = segment // 2, segment - segment // 2
    ramp = np.concatenate([np.arange(1, rise + 1), np.arange(fall, 0, -1)])
    window: Audio = (ramp / np.float32(ramp.max())).astype(np.float32)
    return window[:samples]


def centre(samples: int, segment: int, step: int) -> Audio:
    """The middle of a segment, as long as a step; what lies around it is context.

    The song's first and last samples, which are in the middle of no segment, are taken from the
    context. Shape: (samples,).
    """
    window = np.full(segment, FAINT, dtype=np.float32)
    margin = (segment - step) // 2
    window[margin : margin + step] = 1
    return window[:samples]


WINDOWS: Mapping[str, Callable[[int, int, int], Audio]] = {
    "rectangular": rectangular,
    "hann": hann,
    "triangle": triangle,
    "centre": centre,
}
