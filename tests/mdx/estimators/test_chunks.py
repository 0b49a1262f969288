import numpy as np
import pytest

from mdx.estimators.chunks import ChunkStream
from mdx.systems.spec import Audio, StftSpec

SPEC = StftSpec(n_fft=32, hop=8, dim_f=17, dim_t=13)  # chunk 96, trim 16, step 64


def run(mix: Audio, sizes: list[int]) -> tuple[Audio, list[Audio]]:
    """Stream a song through the identity in blocks of the given sizes; also return its chunks."""
    seen: list[Audio] = []

    def process(chunk: Audio) -> Audio:
        seen.append(chunk.copy())
        return chunk

    stream = ChunkStream(SPEC, process)
    parts, start = [], 0
    for size in sizes:
        parts.append(stream.push(mix[:, start : start + size]))
        start += size
    assert start >= mix.shape[1]
    return np.concatenate([*parts, stream.finish()], axis=1), seen


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
        expected.pop()  # padding only: its output would be cut away whole
    _, seen = run(mix, [7] * (samples // 7 + 1))
    np.testing.assert_array_equal(np.stack(seen), np.stack(expected))


def test_a_silent_chunk_skips_the_network() -> None:
    mix = np.zeros((2, 64 * 6), dtype=np.float32)
    mix[:, 64 * 4 + 40] = 1
    called = []

    def process(chunk: Audio) -> Audio:
        called.append(chunk)
        return np.ones_like(chunk)

    stream = ChunkStream(SPEC, process)
    out = np.concatenate([stream.push(mix), stream.finish()], axis=1)
    assert len(called) == 1
    assert not out[:, : 64 * 4].any() and out[:, 64 * 4 : 64 * 5].all()


def test_an_empty_song_yields_nothing() -> None:
    stream = ChunkStream(SPEC, lambda chunk: chunk)
    assert stream.finish().shape == (2, 0)
