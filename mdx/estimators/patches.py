"""Patches of a spectrogram, for networks that take a fixed number of frames."""

from collections.abc import Callable

import numpy as np

from mdx.systems.spec import Audio


def in_patches(
    process: Callable[[Audio], Audio], mix: Audio, *, size: int, overlap: float
) -> Audio:
    """Process a spectrogram patch by patch; frames in several patches are averaged.

    Zero frames are added at both ends, so that every frame is in equally many patches. `overlap` is
    the share of a patch that is also in the next one, 0 or 0.5.

    Shape: (2, F, T) -> (stems, 2, F, T); `process` maps (2, F, size) to (stems, 2, F, size)
    """
    step = int((1 - overlap) * size)
    before, frames = size - step, mix.shape[2]
    count = -(-(before + frames) // step)
    after = (count - 1) * step + size - before - frames
    padded = np.pad(mix, ((0, 0), (0, 0), (before, after)))
    total: Audio | None = None
    for start in range(0, count * step, step):
        found = process(padded[..., start : start + size])
        if total is None:
            total = np.zeros((*found.shape[:-1], padded.shape[2]), dtype=np.float32)
        total[..., start : start + size] += found
    assert total is not None
    mean: Audio = total[..., before : before + frames] * np.float32(step / size)
    return mean
