"""Published procedures of the compared systems on a whole song, in plain torch."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

Network = Callable[[Tensor], Tensor]


def spectrum(mix: Tensor, n_fft: int, hop: int) -> Tensor:
    """A centred, reflected STFT. Shape: (2, n) -> (2, F, T), complex."""
    window = torch.hann_window(n_fft, dtype=mix.dtype)
    return torch.stft(mix, n_fft, hop, window=window, return_complex=True)


def wave(spectrogram: Tensor, n_fft: int, hop: int, samples: int) -> Tensor:
    """Its inverse. Shape: (..., 2, F, T) -> (..., 2, samples)."""
    window = torch.hann_window(n_fft, dtype=spectrogram.real.dtype)
    flat = spectrogram.reshape(-1, *spectrogram.shape[-2:])
    waves = torch.istft(flat, n_fft, hop, window=window, length=samples)
    return waves.reshape(*spectrogram.shape[:-2], samples)


def with_phase(magnitudes: Tensor, mix: Tensor) -> Tensor:
    """Magnitudes with a mixture's phase. Shape: (S, 2, F, T), (2, F, T) -> (S, 2, F, T)."""
    return magnitudes * torch.exp(1j * mix.angle())


def expectation_maximisation(estimates: Tensor, mix: Tensor, epsilon: float) -> Tensor:
    """norbert's EM iteration, matrix by matrix. Shape: (S, 2, F, T), (2, F, T) -> the first."""
    scale = max(1.0, float(mix.abs().max()) / 10)
    mix, estimates = mix / scale, estimates / scale
    power = estimates.abs().square().mean(dim=1)  # (S, F, T)
    products = torch.einsum("scft,sdft->sfcd", estimates, estimates.conj())
    space = products / (epsilon + power.sum(dim=-1))[..., None, None]
    mixture = torch.einsum("sft,sfcd->ftcd", power.to(space.dtype), space)
    mixture = mixture + np.sqrt(epsilon) * torch.eye(2)
    whitened = torch.linalg.solve(mixture, mix.permute(1, 2, 0)[..., None])[..., 0]
    return torch.einsum("sft,sfcd,ftd->scft", power.to(space.dtype), space, whitened) * scale


def d3net_filter(estimates: Tensor, mix: Tensor) -> Tensor:
    """D3Net's own single iteration. Shape: (S, 2, F, T), (2, F, T) -> the first."""
    power = estimates.abs().square().mean(dim=1)
    power = power + 1e-10 * power.amax(dim=(1, 2), keepdim=True)
    products = torch.einsum("scft,sdft->sfcd", estimates, estimates.conj())
    space = products / (power.sum(dim=-1) + 2.0**-52)[..., None, None]
    mixture = torch.einsum("sft,sfcd->ftcd", power.to(space.dtype), space)
    whitened = torch.linalg.solve(mixture, mix.permute(1, 2, 0)[..., None])[..., 0]
    return torch.einsum("sft,sfcd,ftd->scft", power.to(space.dtype), space, whitened)


def magnitude_longhand(
    mix: Tensor, n_fft: int, hop: int, estimate: Network, wiener: Network | None
) -> Tensor:
    """STFT, magnitudes of all stems, filter, inverse STFT of a whole song.

    `estimate` maps magnitudes (2, F, T) to (S, 2, F, T); `wiener` maps initial estimates, which
    have the mixture's phase, and the mixture below them, (S + 1, 2, F, T), to (S, 2, F, T).

    Shape: (2, n) -> (S, 2, n)
    """
    whole = spectrum(mix, n_fft, hop)
    with torch.no_grad():
        magnitudes = estimate(whole.abs())
    estimates = with_phase(magnitudes.double(), whole.to(torch.complex128))
    if wiener is not None:
        estimates = wiener(torch.cat([estimates, whole[None].to(torch.complex128)]))
    return wave(estimates, n_fft, hop, mix.shape[1]).float()


def patches_longhand(network: Network, mix: Tensor, size: int, *, halves: bool) -> Tensor:
    """D3Net's or MMDenseLSTM's patches of magnitudes. Shape: (2, F, T) -> (S, 2, F, T)."""
    frames = mix.shape[-1]
    step = size // 2 if halves else size
    shift = size - step  # silent frames, so each frame of the song is in two patches
    rest = -(frames + shift) % step + shift
    padded = functional.pad(mix, (shift, rest))
    starts = range(0, padded.shape[-1] - size + 1, step)
    total = torch.zeros(1, 2, mix.shape[1], padded.shape[-1])
    for start in starts:
        patch = padded[None, :, :, start : start + size]
        total[..., start : start + size] += network(patch)[0] * (step / size)
    return total[..., shift : shift + frames]


def flipped(network: Network) -> Network:
    """A network whose estimate is averaged with that for swapped channels."""

    def both(mix: Tensor) -> Tensor:
        return (network(mix) + network(mix.flip(1)).flip(2)) / 2

    return both


def resunet_longhand(mix: Tensor, network: Network, segment: int) -> Tensor:
    """bytesep's segments, whose central half is kept. Shape: (2, n) -> (S, 2, n)."""
    samples = mix.shape[1]
    padded = functional.pad(mix, (0, -samples % segment))
    half, quarter = segment // 2, segment // 4
    starts = range(0, padded.shape[1] - segment + 1, half)
    with torch.no_grad():
        found = [network(padded[None, :, start : start + segment])[0] for start in starts]
    parts = [found[0][..., :quarter]]
    parts += [part[..., quarter : quarter + half] for part in found]
    parts.append(found[-1][..., quarter + half :])
    return torch.cat(parts, dim=-1)[..., :samples]


def trimmed_longhand(
    mix: Tensor, network: Network, *, n_fft: int, hop: int, frames: int, trim: int, passes: int
) -> Tensor:
    """Trimmed windows of v1 and LaSAFT-Net; each sample is in the same number of them.

    Shape: (2, n) -> (S, 2, n)
    """
    samples, chunk = mix.shape[1], hop * (frames - 1)
    kept = chunk - 2 * trim
    step = kept // passes
    padded = functional.pad(mix, (trim, chunk + trim))
    total, count = torch.zeros(1), torch.zeros(samples + chunk)
    for start in range(0, samples, step):
        bins = torch.view_as_real(spectrum(padded[:, start : start + chunk], n_fft, hop))
        parts = bins.permute(0, 3, 1, 2).reshape(1, 4, *bins.shape[1:3])
        with torch.no_grad():
            made = network(parts)
        made = made.reshape(-1, 2, 2, *made.shape[-2:]).permute(0, 1, 3, 4, 2)
        waves = wave(torch.view_as_complex(made.contiguous()), n_fft, hop, chunk)
        if total.ndim == 1:
            total = torch.zeros(len(waves), 2, samples + chunk)
        total[..., start : start + kept] += waves[..., trim : trim + kept]
        count[start : start + kept] += 1
    return total[..., :samples] / count[:samples]


def on_spectra(network: Network, n_fft: int, hop: int, dim_f: int) -> Network:
    """A network of the lowest bins as a network of waveforms: the other bins become zero.

    Shape: (1, 4, dim_f, T) -> (1, S * 4, dim_f, T) becomes (1, 2, n) -> (1, S, 2, n)
    """

    def run(mix: Tensor) -> Tensor:
        bins = spectrum(mix[0], n_fft, hop)
        parts = torch.view_as_real(bins).permute(0, 3, 1, 2).reshape(1, 4, *bins.shape[1:])
        with torch.no_grad():
            made = network(parts[:, :, :dim_f])
        whole = torch.zeros(made.numel() // (4 * dim_f * bins.shape[2]), 2, 2, *bins.shape[1:])
        whole[..., :dim_f, :] = made.reshape(-1, 2, 2, dim_f, bins.shape[2])
        halves = whole.permute(0, 1, 3, 4, 2).contiguous()
        return wave(torch.view_as_complex(halves), n_fft, hop, mix.shape[2])[None]

    return run


def averaged_longhand(mix: Tensor, run: Network, chunk: int, overlap: int) -> Tensor:
    """MDX23C's and v3's chunks from before to after the song, summed and divided by N.

    Shape: (2, n) -> (S, 2, n); `run` maps (1, 2, chunk) to (1, S, 2, chunk).
    """
    hop, samples = chunk // overlap, mix.shape[1]
    more = hop - (samples - chunk) % hop
    padded = functional.pad(mix, (chunk - hop, more + chunk - hop))
    found = [run(part[None])[0] for part in padded.unfold(1, chunk, hop).transpose(0, 1)]
    total = torch.zeros(*found[0].shape[:-1], padded.shape[1])
    for index, part in enumerate(found):
        total[..., index * hop : index * hop + chunk] += part
    return total[..., chunk - hop : chunk - hop + samples] / overlap


def kept_centres(mix: Tensor, separate: Network, *, segment: int, context: int) -> Tensor:
    """A procedure on long pieces with context, of which the centre is kept.

    Shape: (2, n) -> (S, 2, n); `separate` is the published procedure for a whole song.
    """
    samples, length = mix.shape[1], segment + 2 * context
    starts = [
        start for start in range(0, samples, segment)
        if start == 0 or samples - start > 2 * context
    ]  # fmt: skip
    parts: list[Tensor] = []
    for start in starts:
        found = separate(mix[:, start : start + length])
        first = 0 if start == 0 else context
        last = found.shape[-1] if start == starts[-1] else context + segment
        parts.append(found[..., first:last])
    return torch.cat(parts, dim=-1)
