"""How good a network is by now: the SDR of whole songs, separated as the runtime does it."""

import numpy as np
import torch
from torch import nn

from evaluator.metrics import global_sdr
from mdx.net import Network
from mdx.pipeline import Member, Pipeline, check_finite
from mdx.spec import SOURCES, Audio, StftSpec
from mdx.stft import Stft
from mdx.watch import Watch
from training.config import ALL, targets
from training.songs import Song, Stems


class TorchNetwork:
    """A network in torch where the runtime expects one in onnxruntime (mdx.net.Network)."""

    runtime = "torch"
    precision = "float32"

    def __init__(self, net: nn.Module, spec: StftSpec, device: torch.device) -> None:
        self.dim_f, self.dim_t = spec.dim_f, spec.dim_t
        self._net = net
        self._device = device

    def __call__(self, spectrogram: Audio) -> Audio:
        """Shape: (4, dim_f, dim_t) -> the same, or (sources, 4, dim_f, dim_t) for several."""
        with torch.inference_mode():
            x = torch.from_numpy(np.ascontiguousarray(spectrogram))[None].to(self._device)
            found: Audio = self._net(x)[0].cpu().numpy()
        return found


def score_song(network: Network, spec: StftSpec, source: str, song: Song) -> dict[str, float]:
    """The global SDR, in dB, of each source that a network makes and that sounds in a song.

    `source` is one of SOURCES, or `all`. Raises AudioError, or NetworkError where the network finds
    NaN or infinity.
    """
    stems = read_stems(song)
    found = separate(network, spec, source, stems.sum(axis=0))
    references = [stems[SOURCES.index(name)] for name in targets(source)]
    return {
        name: global_sdr(reference, estimate)
        for name, reference, estimate in zip(targets(source), references, found, strict=True)
        if reference.any()
    }


def separate(network: Network, spec: StftSpec, source: str, mix: Audio) -> Audio:
    """What a network finds in a whole song. Shape: (2, samples) -> (1 or 4, 2, samples)."""
    if source == ALL:
        return _separate_all(network, spec, mix)
    pipeline = Pipeline({source: Member(network, Stft(spec))}, None, Watch(source))
    stems = np.concatenate([pipeline.push(mix), pipeline.finish()], axis=2)
    found: Audio = stems[[SOURCES.index(source)]]
    return found


def _separate_all(network: Network, spec: StftSpec, mix: Audio) -> Audio:
    """Separate chunk by chunk, the ends of each dropped. Shape: (2, samples) -> (4, 2, samples)."""
    stft, samples = Stft(spec), mix.shape[1]
    padded = np.pad(mix, ((0, 0), (spec.trim, spec.trim + spec.step)))
    parts = []
    for start in range(0, samples, spec.step):
        stems = network(stft.forward(padded[:, start : start + spec.chunk]))
        chunk = np.stack([stft.inverse(stem) for stem in stems])
        parts.append(chunk[:, :, spec.trim : spec.chunk - spec.trim])
    found = np.concatenate(parts, axis=2)[:, :, :samples]
    check_finite(found)
    return found


def read_stems(song: Song) -> Audio:
    """All of a song; what is to be separated is the sum. Shape: (4, 2, samples). AudioError."""
    stems = Stems(mapped=False)
    return np.stack([stems.read(song, source, 0, song.samples) for source in SOURCES])
