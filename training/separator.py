"""Step one: train one TFC-TDF-U-Net v2 to find one source in random mixtures."""

import logging

import numpy as np
import torch
from torch import Tensor, nn

from models.tfc_tdf import TfcTdfUNet
from training.config import SeparatorConfig
from training.songs import Song, random_batch
from training.spectrogram import spectrogram, waveform

log = logging.getLogger(__name__)
REPORT_EVERY = 50  # steps


def train_separator(
    songs: list[Song], source: str, config: SeparatorConfig, *, seed: int
) -> TfcTdfUNet:
    """Train a separator with L1 loss on waveforms (paper, section 3); returns it ready to export.

    The demo's runs are thousands of times shorter than the paper's, so Adam with a one-cycle
    learning rate takes the place of RMSProp at 1e-4.
    """
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    spec = config.stft(config.train_frames)
    net = TfcTdfUNet(config.network())
    scale = _spectrum_scale(songs, source, config, rng)
    optimizer = torch.optim.Adam(net.parameters(), lr=config.learning_rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, config.learning_rate, total_steps=config.steps, pct_start=0.1
    )
    losses: list[float] = []
    for step in range(1, config.steps + 1):
        mix, target = (
            torch.from_numpy(array)
            for array in random_batch(songs, source, batch=config.batch, chunk=spec.chunk, rng=rng)
        )
        estimate = waveform(net(spectrogram(mix, spec) / scale) * scale, spec)
        loss = _l1(estimate, target, trim=spec.trim)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
        if step % REPORT_EVERY == 0:
            recent = float(np.mean(losses[-REPORT_EVERY:]))
            log.info("%s step %d of %d: loss %.5f", source, step, config.steps, recent)
    return fold_scale(net, scale).eval()


def fold_scale(net: TfcTdfUNet, scale: float) -> TfcTdfUNet:
    """Turn x -> scale * net(x / scale) into a plain network, in place, and return it.

    Both ends are 1x1 convolutions, so the fold is exact.
    """
    first = net.first[0]
    assert isinstance(first, nn.Conv2d) and net.last.bias is not None
    with torch.no_grad():
        first.weight /= scale
        net.last.weight *= scale
        net.last.bias *= scale
    return net


def _l1(estimate: Tensor, target: Tensor, *, trim: int) -> Tensor:
    # Inference drops the ends of every chunk, so they are not learnt either.
    inside = slice(trim, estimate.shape[-1] - trim)
    return (estimate[..., inside] - target[..., inside]).abs().mean()


def _spectrum_scale(
    songs: list[Song], source: str, config: SeparatorConfig, rng: np.random.Generator
) -> float:
    # Spectra have a standard deviation far from 1, which a short training could not make up for.
    spec = config.stft(config.train_frames)
    mix, _ = random_batch(songs, source, batch=32, chunk=spec.chunk, rng=rng)
    return float(spectrogram(torch.from_numpy(mix), spec).std())
