"""Validation: the SDR of whole songs, separated in the same way as by the runtime."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from evaluator.metrics import global_sdr
from mdx.errors import AudioError
from mdx.estimators.overlap_add import OverlapAdd
from mdx.estimators.spectrogram import Spectrogram, SpectrogramOptions
from mdx.estimators.stft import StftSpec
from mdx.pipeline import check_finite
from mdx.runtimes.network import FLOAT32, End, Network
from mdx.systems.spec import SOURCES, Audio, EstimatorSpec
from training.config import targets
from training.songs import Song, Stems


class TorchNetwork:
    """A torch network with the interface of an ONNX one (mdx.runtimes.network.Network)."""

    runtime = "torch"
    precision = "float32"

    def __init__(
        self, net: nn.Module, spec: StftSpec, device: torch.device, *, sources: int = 1
    ) -> None:
        """`sources` is the number of stems that the network makes."""
        shape = (4, spec.dim_f, spec.dim_t)
        made = shape if sources == 1 else (sources, *shape)
        self.input, self.output = (
            End("input", FLOAT32, (1, *shape)),
            End("out", FLOAT32, (1, *made)),
        )
        self._net = net
        self._device = device

    def __call__(self, values: Audio, out: Audio | None = None) -> Audio:
        """Shape: (1, 4, dim_f, dim_t) -> the same, or (1, sources, 4, dim_f, dim_t) for several."""
        assert out is None
        with torch.inference_mode():
            x = torch.from_numpy(np.ascontiguousarray(values)).to(self._device)
            found: Audio = self._net(x).cpu().numpy()
        return found


def score_song(
    network: Network, spec: StftSpec, source: str, song: Song, *, first_bin: int = 0
) -> dict[str, float]:
    """The global SDR, dB, of each source that a network makes and that is not silent in a song.

    `source` is one of SOURCES, or `all`; a network that starts at `first_bin` is scored on that
    band. Raises AudioError, or NetworkError if the output contains NaN or infinity.
    """
    stems = read_stems(song)
    found = separate(network, spec, source, stems.sum(axis=0), first_bin=first_bin)
    references = [stems[SOURCES.index(name)] for name in targets(source)]
    if first_bin:
        references = [_high_band(reference, spec, first_bin) for reference in references]
    return {
        name: global_sdr(reference, estimate)
        for name, reference, estimate in zip(targets(source), references, found, strict=True)
        if reference.any()
    }


def require_all(songs: Sequence[Song], source: str) -> None:
    """Raises AudioError if a source that a network makes is silent in all of the songs."""
    for name in targets(source):
        if not any(is_heard(song, name) for song in songs):
            raise AudioError(
                "validation songs", got=f"{name} that is silent in all {len(songs)}",
                expected="at least one to measure",
            )  # fmt: skip


def is_heard(song: Song, source: str) -> bool:
    """Whether a stem is not silent. Raises AudioError if it cannot be read."""
    return bool(Stems(mapped=False).read(song, source, 0, song.samples).any())


def separate(
    network: Network, spec: StftSpec, source: str, mix: Audio, *, first_bin: int = 0
) -> Audio:
    """A network's estimates for a whole song. Shape: (2, samples) -> (1 or 4, 2, samples)."""
    estimator = EstimatorSpec("spectrogram", targets(source), weights=source)
    options = SpectrogramOptions(
        spec.n_fft, spec.hop, spec.dim_f, spec.dim_t, first_bin=first_bin
    )  # fmt: skip
    stream = OverlapAdd(Spectrogram(estimator, options, network, workers=1))
    found: Audio = np.concatenate([stream.push(mix), stream.finish()], axis=2)
    check_finite(found)
    return found


def _high_band(audio: Audio, spec: StftSpec, first_bin: int) -> Audio:
    # Shape: (2, samples) -> the same
    passing = TorchNetwork(nn.Identity(), spec, torch.device("cpu"))
    found: Audio = separate(passing, spec, SOURCES[0], audio, first_bin=first_bin)[0]
    return found


def read_stems(song: Song) -> Audio:
    """All stems of a song, whose sum is the mixture. Shape: (4, 2, samples). Raises AudioError."""
    stems = Stems(mapped=False)
    return np.stack([stems.read(song, source, 0, song.samples) for source in SOURCES])
