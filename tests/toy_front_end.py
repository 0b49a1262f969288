"""A new kind of network, as a developer would add it; importing this module registers it."""

from typing import Any, ClassVar

import numpy as np

from mdx.estimators.chunks import kuielab
from mdx.estimators.front_ends import FRONT_ENDS
from mdx.estimators.spectrogram import SpectrogramOptions
from mdx.estimators.stft import Stft, StftSpec
from mdx.stages import Stages
from mdx.systems.spec import CHANNELS, Audio, EstimatorSpec


class ToyMasks:
    """Magnitudes in, a mask for every stem out: (1, 2, F, T) -> (1, stems, 2, F, T)."""

    options: ClassVar[type] = SpectrogramOptions
    has_network: ClassVar[bool] = True
    per_stem: ClassVar[bool] = False
    fixed_input: ClassVar[bool] = True
    heavy: ClassVar[bool] = False
    normalise: str | None = None
    fixed_length = True

    def __init__(self, spec: EstimatorSpec, options: Any, network: Any, *, workers: int) -> None:
        self.name, self.makes, self.network = spec.name, spec.makes, network
        size = StftSpec(options.n_fft, options.hop, *network.input.shape[2:])
        self.geometry, self._stft = kuielab(size), Stft(size, workers=workers)

    def __call__(self, segments: Audio, *, stages: Stages, rng: np.random.Generator) -> Audio:
        """Shape: (1, 2, before + n + after) -> (1, stems, 2, n)."""
        (mix,), trim, size = segments, self.geometry.before, self._stft.spec.chunk
        whole = self._stft.forward(np.pad(mix, ((0, 0), (0, size - mix.shape[1]))))
        parts = whole.reshape(CHANNELS, 2, *whole.shape[1:])
        with stages.time(self.name):
            masks = self.network(np.sqrt(np.square(parts).sum(axis=1))[np.newaxis])[0]
        stems = [self._stft.inverse((parts * mask[:, None]).reshape(whole.shape)) for mask in masks]
        return np.stack(stems)[np.newaxis, :, :, trim : mix.shape[1] - trim]


FRONT_ENDS["toy_masks"] = ToyMasks  # type: ignore[assignment]
