"""Concatenated chunks, as in the released submission."""

import numpy as np
import pytest

from mdx.estimators.chunks import kuielab
from mdx.estimators.overlap_add import OverlapAdd
from mdx.estimators.stft import StftSpec
from mdx.systems.spec import Audio
from tests.streams import FunctionEstimator, Skips, stream

SPEC = StftSpec(n_fft=32, hop=8, dim_f=17, dim_t=13)  # chunk 96, trim 16, step 64


def run(mix: Audio, sizes: list[int]) -> tuple[Audio, list[Audio]]:
    """Stream a song through the identity in blocks of the given sizes; also return its chunks."""
    seen: list[Audio] = []

    def process(chunk: Audio) -> Audio:
        # The input of a network of fixed size: the song's end is padded with zeros.
        seen.append(np.pad(chunk, ((0, 0), (0, SPEC.chunk - chunk.shape[1]))))
        return chunk

    (out,) = stream(OverlapAdd(FunctionEstimator(process, kuielab(SPEC))), mix, sizes)
    return out, seen


def test_identity_for_random_lengths_and_blocks() -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        samples = int(rng.integers(1, 400))
        mix = rng.standard_normal((2, samples)).astype(np.float32)
        sizes: list[int] = []
        while sum(sizes) < samples:
            sizes.append(int(rng.integers(1, 150)))
        out, _ = run(mix, sizes)
        np.testing.assert_array_equal(out, mix, err_msg=repr((samples, sizes)))


@pytest.mark.parametrize("samples", [1, 63, 64, 65, 127, 128, 129, 640])
def test_chunks_are_those_of_the_released_code(samples: int) -> None:
    mix = np.random.default_rng(samples).standard_normal((2, samples)).astype(np.float32)
    pad = SPEC.step - samples % SPEC.step
    padded = np.pad(mix, ((0, 0), (SPEC.trim, pad + SPEC.trim)))
    starts = range(0, samples + pad, SPEC.step)
    expected = [padded[:, start : start + SPEC.chunk] for start in starts]
    if samples % SPEC.step == 0:
        expected.pop()  # padding only: its output would be discarded
    _, seen = run(mix, [7] * (samples // 7 + 1))
    np.testing.assert_array_equal(np.stack(seen), np.stack(expected))


def test_a_silent_chunk_skips_the_network() -> None:
    mix = np.zeros((2, 64 * 6), dtype=np.float32)
    mix[:, 64 * 4 + 40] = 1
    called = []

    def process(chunk: Audio) -> Audio:
        called.append(chunk)
        return np.ones_like(chunk)

    skips = Skips()
    estimator = FunctionEstimator(process, kuielab(SPEC))
    (out,) = stream(OverlapAdd(estimator, listeners=[skips]), mix, [mix.shape[1]])
    assert (skips.called, skips.skipped) == (1, 5)
    assert len(called) == 1
    assert not out[:, : 64 * 4].any() and out[:, 64 * 4 : 64 * 5].all()


def test_an_empty_song_yields_nothing() -> None:
    overlap_add = OverlapAdd(FunctionEstimator(lambda chunk: chunk, kuielab(SPEC)))
    assert overlap_add.finish().shape == (1, 2, 0)
