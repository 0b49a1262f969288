"""Long segments whose centre is kept: no sample is lost, and all segments are counted."""

import numpy as np
import pytest

from mdx.estimators.overlap_add import OverlapAdd
from mdx.estimators.patches import in_patches
from mdx.estimators.protocol import Geometry
from mdx.systems.spec import Audio
from tests.streams import FunctionEstimator, Skips, stream

SEGMENT, STEP = 40, 16  # 12 samples of context on either side


def place_of(segment: Audio) -> Audio:
    """Replace each sample by its position in its segment, to reveal any context."""
    return np.tile(np.arange(segment.shape[1], dtype=np.float32), (2, 1))


@pytest.mark.parametrize("fill", [0, SEGMENT])
def test_every_sample_is_of_a_middle_but_the_first_and_last(fill: int) -> None:
    geometry = Geometry(SEGMENT, STEP, window="centre", nested=False, fill=fill)
    rng = np.random.default_rng(0)
    for samples in [*range(1, 150), 400]:
        calls = Skips()
        mix = rng.uniform(0.1, 1, (2, samples)).astype(np.float32)
        overlap_add = OverlapAdd(FunctionEstimator(place_of, geometry), listeners=[calls])
        (out,) = stream(overlap_add, mix, [7] * (samples // 7 + 1))
        margin = (SEGMENT - STEP) // 2
        end = samples + (-samples % fill if fill else 0)
        starts = [s for s in range(0, samples, STEP) if s == 0 or end - s > SEGMENT - STEP]
        expected = np.concatenate([
            np.arange(0 if start == 0 else margin,
                      end - start if start == starts[-1] else margin + STEP)
            for start in starts
        ])[:samples]  # fmt: skip
        np.testing.assert_allclose(out[0], expected, rtol=1e-6, err_msg=str(samples))
        assert calls.called == geometry.count(samples) == len(starts), samples


@pytest.mark.parametrize("overlap", [0, 0.5])
@pytest.mark.parametrize("frames", [1, 3, 4, 5, 8, 23])
def test_all_frames_are_in_equally_many_patches(overlap: float, frames: int) -> None:
    mix = np.random.default_rng(frames).uniform(0, 1, (2, 3, frames)).astype(np.float32)
    shapes = []

    def process(patch: Audio) -> Audio:
        shapes.append(patch.shape)
        return np.stack([patch, 2 * patch])

    found = in_patches(process, mix, size=8, overlap=overlap)
    np.testing.assert_allclose(found, np.stack([mix, 2 * mix]), rtol=1e-6)
    assert set(shapes) == {(2, 3, 8)}
