"""Windows under which estimates are added up, by name: of samples, a whole segment, a step."""

from collections.abc import Callable, Mapping

import numpy as np

from mdx.systems.spec import Audio

# Weight of a sample that only counts if there is no other: negligible compared with 1.
FAINT = 2.0**-40


def rectangular(samples: int, segment: int, step: int) -> Audio:
    """All samples have the same weight. Shape: (samples,)."""
    del segment, step
    return np.ones(samples, dtype=np.float32)


def hann(samples: int, segment: int, step: int) -> Audio:
    """Symmetric and as long as the segment's content: zero at both ends. Shape: (samples,)."""
    del segment, step
    return np.hanning(samples).astype(np.float32)


def triangle(samples: int, segment: int, step: int) -> Audio:
    """That of a whole segment, cut off where the segment is. Shape: (samples,)."""
    del step
    rise, fall = segment // 2, segment - segment // 2
    ramp = np.concatenate([np.arange(1, rise + 1), np.arange(fall, 0, -1)])
    window: Audio = (ramp / np.float32(ramp.max())).astype(np.float32)
    return window[:samples]


def centre(samples: int, segment: int, step: int) -> Audio:
    """The centre of a segment, as long as a step; the rest is context.

    The song's first and last samples, which are in no segment's centre, are taken from the
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
