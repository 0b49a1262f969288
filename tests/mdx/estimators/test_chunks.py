"""MDX23C's chunks: every sample is in the same number of them, at any allowed overlap."""

import numpy as np
import pytest

from mdx.errors import ConfigError
from mdx.estimators.chunks import GEOMETRIES, mdx23c
from mdx.estimators.overlap_add import OverlapAdd
from mdx.estimators.stft import StftSpec
from mdx.systems.spec import Audio
from tests.streams import FunctionEstimator, Skips
from tests.tiny import noise

SIZE = StftSpec(n_fft=64, hop=16, dim_f=33, dim_t=13)  # chunks of 192 samples


@pytest.mark.parametrize("passes", [1, 2, 3, 4, 8])
def test_every_sample_is_the_mean_of_n_chunks(passes: int) -> None:
    geometry = mdx23c(SIZE, 1 - 1 / passes)
    assert (geometry.segment, geometry.step) == (192, 192 // passes)
    for samples in (1, 100, 191, 192, 193, 1000):
        calls = 0

        def count(chunk: Audio) -> Audio:
            nonlocal calls
            calls += 1
            return np.full_like(chunk, calls)

        stream = OverlapAdd(FunctionEstimator(count, geometry), listeners=[Skips()])
        song = noise(samples)
        made = np.concatenate([stream.push(song), stream.finish()], axis=2)[0, 0]
        # The mean of the numbers of the N chunks that contain a sample.
        first = np.arange(samples) // geometry.step + 1
        np.testing.assert_allclose(made, first + (passes - 1) / 2, rtol=1e-6)
        assert calls == geometry.count(samples) == -(-samples // geometry.step) + passes - 1


@pytest.mark.parametrize(("overlap", "step"), [(None, 192), (0.667, 64), (0.9, 19)])
def test_overlap_may_be_rounded(overlap: float | None, step: int) -> None:
    assert GEOMETRIES["mdx23c"](SIZE, overlap, None).step == step


@pytest.mark.parametrize("overlap", [0.3, -0.5, 0.6, 0.995, 1.0, float("nan")])
def test_another_overlap_is_refused(overlap: float) -> None:
    with pytest.raises(ConfigError, match=r"expected 1 - 1 / N of a chunk, such as 0\.5, 0\.75"):
        mdx23c(SIZE, overlap)
