"""How good a network is by now: the SDR of whole songs, separated as the runtime does it."""

import numpy as np
import torch
from torch import nn

from evaluator.metrics import global_sdr
from mdx.estimators.overlap_add import OverlapAdd
from mdx.estimators.spectrogram import Spectrogram, SpectrogramOptions
from mdx.estimators.stft import StftSpec
from mdx.pipeline import check_finite
from mdx.runtimes.network import FLOAT32, End, Network
from mdx.systems.spec import SOURCES, Audio, EstimatorSpec
from training.songs import Song, Stems


class TorchNetwork:
    """A network in torch where an ONNX one is expected (mdx.runtimes.network.Network)."""

    runtime = "torch"
    precision = "float32"

    def __init__(self, net: nn.Module, spec: StftSpec, device: torch.device) -> None:
        shape = (1, 4, spec.dim_f, spec.dim_t)
        self.input, self.output = (End(name, FLOAT32, shape) for name in ("input", "output"))
        self._net = net
        self._device = device

    def __call__(self, values: Audio, out: Audio | None = None) -> Audio:
        """Shape: (1, 4, dim_f, dim_t) -> the same."""
        assert out is None
        with torch.inference_mode():
            x = torch.from_numpy(np.ascontiguousarray(values)).to(self._device)
            found: Audio = self._net(x).cpu().numpy()
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
    estimator = EstimatorSpec("spectrogram", (source,), weights=source)
    options = SpectrogramOptions(spec.n_fft, spec.hop, spec.dim_f, spec.dim_t)
    stream = OverlapAdd(Spectrogram(estimator, options, network, workers=1))
    found: Audio = np.concatenate([stream.push(mix), stream.finish()], axis=2)[0]
    check_finite(found)
    return found


def read_stems(song: Song) -> Audio:
    """All of a song; what is to be separated is the sum. Shape: (4, 2, samples). AudioError."""
    stems = Stems(mapped=False)
    return np.stack([stems.read(song, source, 0, song.samples) for source in SOURCES])
