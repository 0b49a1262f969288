"""The mixture limited to the bins of a spectrogram network: an estimator without a network.

The rest of the mixture would otherwise contain everything above the network's last bin.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from mdx.estimators.chunks import uvr
from mdx.estimators.stft import Stft, StftSpec
from mdx.runtimes.network import Network
from mdx.stages import Stages
from mdx.systems.spec import Audio, EstimatorSpec, require

FRAMES, OVERLAP = 256, 0.02  # frames of its own chunks, independent of the network's


@dataclass(frozen=True)
class BandLimitOptions:
    """Sizes of the network that it accompanies."""

    n_fft: int  # samples
    dim_f: int  # bins that the network sees
    hop: int = 1024  # samples
    hidden_bins: int = 0  # the lowest ones, which are hidden from it

    def __post_init__(self) -> None:
        require(self.hidden_bins >= 0, "hidden_bins", self.hidden_bins, "0 or more")


class BandLimit:
    """STFT, bins set to zero, inverse STFT.

    Source: the second stem of the MDX-Net separation of Ultimate Vocal Remover, "match cutoff".
    """

    options: ClassVar[type] = BandLimitOptions
    has_network: ClassVar[bool] = False
    per_stem: ClassVar[bool] = False
    fixed_input: ClassVar[bool] = True
    heavy: ClassVar[bool] = False
    normalise: str | None = None
    fixed_length = True
    network: Network | None = None

    def __init__(
        self, spec: EstimatorSpec, options: BandLimitOptions, network: None, *, workers: int
    ) -> None:
        """`workers` are threads of the STFT; raises ConfigError for impossible sizes."""
        del network
        require(len(spec.makes) == 1, "makes", list(spec.makes), "one name, such as mixture")
        self.name, self.makes = spec.name, spec.makes
        size = StftSpec(options.n_fft, options.hop, options.dim_f, FRAMES)
        self.geometry = uvr(size, OVERLAP)
        self._stft = Stft(size, workers=workers)
        self._hidden = options.hidden_bins

    def __call__(self, segments: Audio, *, stages: Stages, rng: np.random.Generator) -> Audio:
        """See mdx.estimators.protocol.Estimator. Shape: (batch, 2, n) -> (batch, 1, 2, n)"""
        del rng
        with stages.time(self.name):
            return np.stack([self._limit(chunk)[np.newaxis] for chunk in segments])

    def _limit(self, chunk: Audio) -> Audio:
        # Shape: (2, n) -> (2, n)
        held = chunk.shape[1]
        spectrogram = self._stft.forward(np.pad(chunk, ((0, 0), (0, self._stft.spec.chunk - held))))
        spectrogram[:, : self._hidden] = 0
        return self._stft.inverse(spectrogram)[:, :held]
