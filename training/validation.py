"""How good a network is by now: the SDR of whole songs, separated as the runtime does it."""

import numpy as np
import torch
from torch import nn

from evaluator.metrics import global_sdr
from mdx.estimators.stft import Stft
from mdx.monitor import Watch
from mdx.pipeline import Member, Pipeline
from mdx.runtimes.onnx import Network
from mdx.systems.spec import SOURCES, Audio, StftSpec
from training.songs import Song, Stems


class TorchNetwork:
    """A network in torch where an onnxruntime one is expected (mdx.runtimes.onnx.Network)."""

    runtime = "torch"
    precision = "float32"

    def __init__(self, net: nn.Module, spec: StftSpec, device: torch.device) -> None:
        self.dim_f, self.dim_t = spec.dim_f, spec.dim_t
        self._net = net
        self._device = device

    def __call__(self, spectrogram: Audio) -> Audio:
        """Shape: (4, dim_f, dim_t) -> the same."""
        with torch.inference_mode():
            x = torch.from_numpy(np.ascontiguousarray(spectrogram))[None].to(self._device)
            found: Audio = self._net(x)[0].cpu().numpy()
        return found


def score_song(network: Network, spec: StftSpec, source: str, song: Song) -> float | None:
    """The global SDR of a source in a song, in dB; None where the song is silent in it.

    Raises AudioError, or NetworkError where the network finds NaN or infinity.
    """
    stems = read_stems(song)
    reference = stems[SOURCES.index(source)]
    if not reference.any():
        return None
    return global_sdr(reference, separate(network, spec, source, stems.sum(axis=0)))


def separate(network: Network, spec: StftSpec, source: str, mix: Audio) -> Audio:
    """What a network finds in a whole song. Shape: (2, samples) -> the same."""
    pipeline = Pipeline({source: Member(network, Stft(spec))}, None, Watch(source))
    stems = np.concatenate([pipeline.push(mix), pipeline.finish()], axis=2)
    found: Audio = stems[SOURCES.index(source)]
    return found


def read_stems(song: Song) -> Audio:
    """All of a song; what is to be separated is the sum. Shape: (4, 2, samples). AudioError."""
    stems = Stems(mapped=False)
    return np.stack([stems.read(song, source, 0, song.samples) for source in SOURCES])
