"""The original procedures on a whole song, in plain torch: the oracle of streams."""

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from mdx.estimators.stft import StftSpec
from mdx.systems.spec import SAMPLE_RATE, Audio

MAX_SHIFT = SAMPLE_RATE // 2


def separate_longhand(mix: Audio, spec: StftSpec, network: nn.Module) -> Audio:
    """The released code's chunks of one source, as one batch. Shape: (2, n) -> the same."""
    samples = mix.shape[1]
    trim = spec.n_fft // 2
    chunk = spec.hop * (spec.dim_t - 1)
    step = chunk - 2 * trim
    pad = step - samples % step
    zeros = torch.zeros(2, trim)
    padded = torch.cat([zeros, torch.from_numpy(mix), torch.zeros(2, pad), zeros], dim=1)
    waves = torch.stack(
        [padded[:, start : start + chunk] for start in range(0, samples + pad, step)]
    )
    window = torch.hann_window(spec.n_fft, periodic=True)
    bins = torch.stft(
        waves.reshape(-1, chunk), spec.n_fft, spec.hop, window=window, return_complex=True
    )
    parts = torch.view_as_real(bins).permute(0, 3, 1, 2)
    parts = parts.reshape(len(waves), 4, spec.n_fft // 2 + 1, spec.dim_t)
    with torch.no_grad():
        estimate = network(parts[:, :, : spec.dim_f])
    whole = torch.zeros_like(parts)
    whole[:, :, : spec.dim_f] = estimate
    whole = whole.reshape(-1, 2, spec.n_fft // 2 + 1, spec.dim_t).permute(0, 2, 3, 1)
    out = torch.istft(
        torch.view_as_complex(whole.contiguous()), spec.n_fft, spec.hop, window=window
    ).reshape(-1, 2, chunk)
    stem: Audio = out[:, :, trim:-trim].transpose(0, 1).reshape(2, -1)[:, :samples].numpy()
    return stem


def demucs_longhand(
    mix: Audio,
    network: Callable[[Tensor], Tensor],
    *,
    segment: float,
    overlap: float,
    normalise: str,
    shifts: int = 0,
) -> Audio:
    """Demucs v2's `apply_model` with `split` on a whole song, called as in the blend.

    Shape: (2, n) -> (4, 2, n) in KUIELab's order. `network` maps (1, 2, n) to (1, 4, 2, m).
    """
    song = torch.from_numpy(mix)
    reference = song if normalise == "stereo" else song.mean(0)
    song = (song - reference.mean()) / reference.std()
    length, size = song.shape[1], int(segment * SAMPLE_RATE)
    ramp = torch.cat([torch.arange(1, size // 2 + 1), torch.arange(size - size // 2, 0, -1)])
    weight = ramp / ramp.max()
    rng = np.random.default_rng(0)
    out, sum_weight = torch.zeros(4, 2, length), torch.zeros(length)
    for offset in range(0, length, int((1 - overlap) * size)):
        part = min(size, length - offset)
        if shifts:
            padded = around(song, offset, part, part + 2 * MAX_SHIFT)
            found = torch.zeros(4, 2, part)
            for _ in range(shifts):
                shift = int(rng.integers(MAX_SHIFT + 1))
                shifted = run(network, padded, shift, part + MAX_SHIFT - shift)
                found += shifted[..., MAX_SHIFT - shift :] / shifts
        else:
            found = run(network, song, offset, part)
        out[..., offset : offset + part] += weight[:part] * found
        sum_weight[offset : offset + part] += weight[:part]
    out = out / sum_weight * reference.std() + reference.mean()
    stems: Audio = out[[1, 0, 2, 3]].numpy()
    return stems


def run(network: Callable[[Tensor], Tensor], song: Tensor, offset: int, length: int) -> Tensor:
    """One segment through the network, in the middle of a valid length. Shape: -> (4, 2, length)"""
    with torch.no_grad():
        out = network(around(song, offset, length, valid_length(length))[None])[0]
    delta = out.shape[-1] - length
    return out[..., delta // 2 : out.shape[-1] - (delta - delta // 2)]


def around(song: Tensor, offset: int, length: int, target: int) -> Tensor:
    """A segment extended with the song on either side to a length of `target`."""
    start = offset - (target - length) // 2
    end = start + target
    inside = song[..., max(0, start) : min(song.shape[-1], end)]
    return nn.functional.pad(inside, (max(0, -start), max(0, end - song.shape[-1])))


def valid_length(length: int) -> int:
    """Demucs v2's valid length, for 6 levels of kernel 8, stride 4, context 3, at double rate."""
    length = 2 * length
    for _ in range(6):
        length = max(1, math.ceil((length - 8) / 4) + 1) + 2
    for _ in range(6):
        length = (length - 1) * 4 + 8
    return math.ceil(length / 2)
