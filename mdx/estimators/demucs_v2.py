"""Lengths that fit Demucs-v2, whose convolutions have no padding: sizes of the architecture."""

import math

from mdx.systems.spec import SAMPLE_RATE

DEPTH, KERNEL, STRIDE, CONTEXT, RESAMPLE = 6, 8, 4, 3, 2
ORDER = ("drums", "bass", "other", "vocals")  # of the network's output
# Samples. It also bounds the context: at most this many samples of padding are needed on either
# side to reach a valid length.
MAX_SHIFT = SAMPLE_RATE // 2


def valid_length(samples: int) -> int:
    """The shortest input for which the network returns at least this many samples."""
    length = samples * RESAMPLE
    for _ in range(DEPTH):
        length = max(1, math.ceil((length - KERNEL) / STRIDE) + 1) + CONTEXT - 1
    for _ in range(DEPTH):
        length = (length - 1) * STRIDE + KERNEL
    return math.ceil(length / RESAMPLE)


def stem_samples(samples: int) -> int:
    """Samples of output that the network makes of a valid length."""
    length = samples * RESAMPLE
    for _ in range(DEPTH):
        length = (length - KERNEL) // STRIDE + 1
    for _ in range(DEPTH):
        length = (length - CONTEXT) * STRIDE + KERNEL
    return length // RESAMPLE
