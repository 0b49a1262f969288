"""Resampling between whole-number rates by the windowed sinc filters of Demucs-v2's training."""

import functools
import math

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from mdx.systems.spec import Audio

ZEROS = 24  # zero crossings of the sinc on either side
ROLLOFF = 0.945  # of the lower Nyquist frequency: where the filter cuts off


@functools.cache
def sinc_kernels(old: int, new: int) -> Audio:
    """The low-pass filters that turn `old` samples into `new`: one for each phase.

    A sinc that cuts off at ROLLOFF of the lower rate, under a squared cosine that is zero at its
    ZEROS-th crossing; each filter sums to one. Their centre is at sample `kernel_reach`.

    Shape: (new, 2 * kernel_reach(old, new) + old).
    Source: julius.resample, the resampler of Demucs-v2.
    """
    cutoff = ROLLOFF * min(old, new)
    reach = kernel_reach(old, new)
    # Input sample i is at time i / old, output p of a period at p / new.
    distance = np.arange(-reach, reach + old) / old - np.arange(new)[:, np.newaxis] / new
    crossings = np.clip(distance * cutoff, -ZEROS, ZEROS)
    kernels = np.sinc(crossings) * np.cos(np.pi / 2 * crossings / ZEROS) ** 2
    found: Audio = (kernels / kernels.sum(axis=1, keepdims=True)).astype(np.float32)
    return found


def kernel_reach(old: int, new: int) -> int:
    """Samples of the old rate that a filter sees before the first of its period."""
    return math.ceil(ZEROS * old / (ROLLOFF * min(old, new)))


def resample(x: Tensor, old: int, new: int) -> Tensor:
    """Resample by new / old; beyond its ends a signal is extended by its outermost samples.

    Shape: (..., samples) -> (..., new * samples // old).
    """
    kernels = torch.from_numpy(sinc_kernels(old, new)).to(x)
    samples = x.shape[-1]
    reach = kernel_reach(old, new)
    rows = x.reshape(-1, 1, samples)
    rows = F.pad(rows, (reach, reach + old), mode="replicate")
    phases = F.conv1d(rows, kernels[:, None], stride=old)  # (rows, new, periods)
    y = phases.transpose(1, 2).reshape(*x.shape[:-1], -1)
    return y[..., : new * samples // old]
