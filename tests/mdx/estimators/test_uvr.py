"""The streamed overlap-add against a plain implementation for the whole song."""

from collections.abc import Callable

import numpy as np
import pytest

from mdx.errors import ConfigError
from mdx.estimators.chunks import uvr
from mdx.estimators.overlap_add import OverlapAdd
from mdx.estimators.stft import StftSpec
from mdx.systems.spec import Audio
from tests.streams import FunctionEstimator, Skips, stream

TOLERANCE = 1e-5  # of the peak: float32 sums of a few chunks
SPEC = StftSpec(n_fft=32, hop=8, dim_f=17, dim_t=13)  # chunk 96, trim 16, step 64
OVERLAPS = [None, 0.0, 0.02, 0.25, 0.5, 0.75, 0.95]
GAINS = np.random.default_rng(0).uniform(-1, 1, (2, SPEC.chunk)).astype(np.float32)


def process(chunk: Audio) -> Audio:
    """A stand-in for a network that depends on the position in a chunk, which is padded."""
    size = chunk.shape[1]
    chunk = np.pad(chunk, ((0, 0), (0, SPEC.chunk - size)))
    mixed: Audio = chunk * GAINS + np.float32(0.5) * chunk[::-1, ::-1]
    return mixed[:, :size]


def longhand(mix: Audio, overlap: float | None) -> Audio:
    """UVR's procedure on a whole song, with float64 sums."""
    samples, trim, whole = mix.shape[1], SPEC.n_fft // 2, SPEC.hop * (SPEC.dim_t - 1)
    kept = whole - 2 * trim
    tail = kept + trim - samples % kept
    padded = np.pad(mix, ((0, 0), (trim, tail)))
    total = np.zeros(padded.shape)
    weights = np.zeros(padded.shape[1])
    step = whole - SPEC.n_fft if overlap is None else int((1 - overlap) * whole)
    for start in range(0, padded.shape[1], step):
        part = padded[:, start : start + whole]
        size = part.shape[1]
        window = np.ones(size) if overlap == 0 else np.hanning(size)
        chunk = np.pad(part, ((0, 0), (0, whole - size)))
        total[:, start : start + size] += window * process(chunk)[:, :size]
        weights[start : start + size] += window
    with np.errstate(invalid="ignore"):
        out: Audio = (total / weights)[:, trim:-trim][:, :samples].astype(np.float32)
    return out


def make(process: Callable[[Audio], Audio], overlap: float | None, *skips: Skips) -> OverlapAdd:
    """A stream of chunks through a function."""
    return OverlapAdd(FunctionEstimator(process, uvr(SPEC, overlap)), listeners=skips)


def run(mix: Audio, sizes: list[int], overlap: float | None) -> Audio:
    """Stream a song in blocks of the given sizes, which cover it."""
    out: Audio = stream(make(process, overlap), mix, sizes)[0]
    return out


@pytest.mark.parametrize("overlap", OVERLAPS)
def test_streamed_equals_longhand_for_random_lengths_and_blocks(overlap: float | None) -> None:
    rng = np.random.default_rng(1)
    for _ in range(30):
        samples = int(rng.integers(1, 500))
        mix = rng.standard_normal((2, samples)).astype(np.float32)
        sizes: list[int] = []
        while sum(sizes) < samples:
            sizes.append(int(rng.integers(1, 200)))
        got, expected = run(mix, sizes, overlap), longhand(mix, overlap)
        assert got.dtype == np.float32 and got.shape == mix.shape, (samples, sizes)
        error = np.abs(got - expected).max() / np.abs(expected).max()
        assert error < TOLERANCE, (samples, sizes)


@pytest.mark.parametrize("overlap", OVERLAPS)
def test_streamed_equals_longhand_around_every_boundary(overlap: float | None) -> None:
    sizes = {SPEC.step, SPEC.chunk, SPEC.trim, uvr(SPEC, overlap).step}
    lengths = {1, 2} | {n * size + more for size in sizes for n in (1, 3) for more in (-1, 0, 1)}
    for samples in sorted(lengths - {0}):
        mix = np.random.default_rng(samples).standard_normal((2, samples)).astype(np.float32)
        expected = longhand(mix, overlap)
        got = run(mix, [7] * (samples // 7 + 1), overlap)
        assert np.abs(got - expected).max() < TOLERANCE * np.abs(expected).max(), samples


@pytest.mark.parametrize("overlap", OVERLAPS)
def test_the_identity_gives_the_song_back_and_little_waits(overlap: float | None) -> None:
    overlap_add = make(lambda chunk: chunk, overlap)
    mix = np.random.default_rng(2).standard_normal((2, 5000)).astype(np.float32)
    parts = []
    for block in np.split(mix, 50, axis=1):
        parts.append(overlap_add.push(block)[0])
        pushed, given = 100 * len(parts), sum(part.shape[1] for part in parts)
        assert pushed - given < SPEC.chunk + uvr(SPEC, overlap).step
    out = np.concatenate([*parts, overlap_add.finish()[0]], axis=1)
    assert np.abs(out - mix).max() < TOLERANCE * np.abs(mix).max()


def test_a_silent_chunk_skips_the_network_and_is_silent() -> None:
    skips = Skips()
    seen: list[Audio] = []

    def loud(chunk: Audio) -> Audio:
        seen.append(chunk)
        return np.ones_like(chunk)

    mix = np.zeros((2, 480), dtype=np.float32)
    mix[:, 400] = 1  # sample 416 of the padded song: chunks of 96 from 336 and 384 hold it
    (out,) = stream(make(loud, 0.5, skips), mix, [480])
    assert len(seen) == skips.called == 2
    assert skips.skipped == len(range(0, 16 + 480, 48)) - 2
    assert not out[:, : 336 - 16].any() and out[:, 400].all()


def test_chunks_behind_the_end_are_not_computed() -> None:
    seen: list[Audio] = []

    def count(chunk: Audio) -> Audio:
        seen.append(chunk)
        return chunk

    stream(make(count, 0.75), np.ones((2, 128), dtype=np.float32), [128])  # step 24
    assert len(seen) == -(-(SPEC.trim + 128) // 24)


def test_an_empty_song_yields_nothing() -> None:
    assert make(lambda chunk: chunk, None).finish().shape == (1, 2, 0)


@pytest.mark.parametrize("overlap", [-0.1, 1.0, 0.999, 0.001, float("nan")])
def test_overlaps_that_leave_gaps_or_never_end_are_refused(overlap: float) -> None:
    with pytest.raises(ConfigError, match=r"overlap: got .*expected 0, or 0\.02 .*to 0\.99"):
        uvr(SPEC, overlap)


def test_the_smallest_overlap_leaves_no_sample_without_weight() -> None:
    least = 2 / SPEC.chunk
    assert uvr(SPEC, least).step == SPEC.chunk - 2
    mix = np.random.default_rng(3).standard_normal((2, 400)).astype(np.float32)
    assert np.isfinite(run(mix, [400], least)).all()
