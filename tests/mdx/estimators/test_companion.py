"""The companion's stream against the original procedure on a whole song."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import Tensor

from mdx.errors import ConfigError
from mdx.estimators.companion import (
    MAX_SHIFT,
    CompanionStream,
    Level,
    longest_input,
    measure_level,
    stem_samples,
    step_of,
    valid_length,
)
from mdx.systems.spec import SAMPLE_RATE, Audio, CompanionSpec
from models.demucs import Demucs, DemucsSpec
from tests.longhand import demucs_longhand
from tests.tiny import noise

TOLERANCE = 1e-5  # of the peak: float32 rounding
LOST = 5000  # samples that the stand-in's stems lack of its input


def network(mix: Tensor) -> Tensor:
    """In Demucs' place: every sample sees its neighbours, every stem the mean of all input.

    Shape: (batch, 2, n) -> (batch, 4, 2, n - LOST)
    """
    inside = mix[..., LOST // 2 : mix.shape[-1] - (LOST - LOST // 2)]
    echo = mix[..., : mix.shape[-1] - LOST] - mix[..., LOST:]
    gains = torch.tensor([1.0, -2.0, 0.5, 3.0]).reshape(1, 4, 1, 1)
    mean = mix.mean(dim=(1, 2)).reshape(-1, 1, 1, 1)
    return gains * inside[:, None] + 0.3 * echo[:, None] + gains.square() * mean


def process(mix: Audio) -> Audio:
    found: Audio = network(torch.from_numpy(mix)).numpy()
    return found


def stream(mix: Audio, spec: CompanionSpec, block: int = 20_000) -> Audio:
    level = measure_level([mix], spec.normalise)
    way = CompanionStream(spec, level, process)
    parts = [way.push(mix[:, i : i + block]) for i in range(0, mix.shape[1], block)]
    return np.concatenate([*parts, way.finish()], axis=2)


def test_valid_lengths_are_those_of_the_network() -> None:
    net = Demucs(DemucsSpec(channels=1))
    for samples in [*range(1, 9000, 7), 40 * SAMPLE_RATE, 40 * SAMPLE_RATE + 1]:
        assert valid_length(samples) == net.valid_length(samples)
        assert valid_length(samples) - samples < MAX_SHIFT


def test_stems_are_as_long_as_the_network_makes_them() -> None:
    net = Demucs(DemucsSpec(channels=1))
    for samples in [*range(1, 100_000, 9001), 7 * SAMPLE_RATE]:
        length = valid_length(samples)
        with torch.no_grad():
            assert stem_samples(length) == net(torch.zeros(1, 2, length)).shape[3] >= samples


@pytest.mark.parametrize("shifts", [0, 2])
@pytest.mark.parametrize("overlap", [0.0, 0.25, 0.7])
@pytest.mark.parametrize("batch", [1, 4])
@pytest.mark.parametrize("part", [1, 777, 22_049, 22_050, 22_051, 66_150, 66_151])
def test_a_stream_equals_the_whole_song_at_once(
    part: int, batch: int, overlap: float, shifts: int
) -> None:
    mix = noise(part) + np.float32(0.1)
    spec = CompanionSpec("x.onnx", 0.5, overlap, "stereo", shifts, batch)
    expected = demucs_longhand(
        mix, network, segment=0.5, overlap=overlap, normalise="stereo", shifts=shifts
    )
    got = stream(mix, spec)
    assert got.shape == expected.shape
    assert np.abs(got - expected).max() < TOLERANCE * np.abs(expected).max()


@pytest.mark.parametrize("shifts", [0, 1])
def test_blocks_may_have_any_size(shifts: int) -> None:
    mix = noise(70_001)
    spec = CompanionSpec("x.onnx", 0.5, 0.5, "mono", shifts)
    whole = stream(mix, spec, 70_001)
    for block in (1013, 22_050, 44_100):
        np.testing.assert_array_equal(stream(mix, spec, block), whole)


@pytest.mark.parametrize("batch", [1, 2, 5])
def test_stems_of_a_batch_come_as_soon_as_its_context_is_there(batch: int) -> None:
    spec = CompanionSpec("x.onnx", 1.0, 0.5, batch=batch)
    context = valid_length(SAMPLE_RATE) - SAMPLE_RATE
    way = CompanionStream(spec, Level(0.0, 1.0), process)
    step = step_of(spec)
    assert step == SAMPLE_RATE // 2
    before = SAMPLE_RATE + (batch - 1) * step + context - context // 2 - 1
    assert way.push(noise(before)).shape[2] == 0
    assert way.push(noise(1)).shape[2] == batch * step
    assert way.push(noise(batch * step - 1)).shape[2] == 0
    assert way.push(noise(1)).shape[2] == batch * step


@pytest.mark.parametrize(("shifts", "batch"), [(0, 1), (1, 1), (0, 4)])
def test_what_is_kept_does_not_grow_with_the_song(shifts: int, batch: int) -> None:
    spec = CompanionSpec("x.onnx", 1.0, 0.5, shifts=shifts, batch=batch)
    way = CompanionStream(spec, Level(0.0, 1.0), process)
    # Mixture that was taken is let go of when the next batch is.
    most = SAMPLE_RATE * 3 + 2 * MAX_SHIFT + 2 * (batch - 1) * spec.stride
    for _ in range(120):
        way.push(noise(SAMPLE_RATE // 4))
        assert sum(block.shape[1] for block in way._blocks) + way._stems.shape[2] < most
        bases = [block if block.base is None else block.base for block in way._blocks]
        assert sum(np.asarray(base).nbytes for base in bases) <= 8 * most


@pytest.mark.parametrize("value", [0.0, 0.25])
def test_a_song_without_deviation_is_silent_and_needs_no_network(value: float) -> None:
    def never(mix: Audio) -> Audio:
        raise AssertionError

    calls = []
    mix = np.full((2, 60_000), value, dtype=np.float32)
    level = measure_level([mix], "mono")
    way = CompanionStream(CompanionSpec("x", 0.5, 0.5), level, never, lambda: calls.append(1))
    stems = np.concatenate([way.push(mix), way.finish()], axis=2)
    assert level == (value, 0.0) and stems.shape == (4, 2, 60_000) and not stems.any()
    assert len(calls) == 6  # segments that start every 11,025 samples


@pytest.mark.parametrize("normalise", ["stereo", "mono"])
@pytest.mark.parametrize("offset", [0.0, 0.9])
def test_the_level_of_blocks_is_that_of_the_song(normalise: str, offset: float) -> None:
    mix = noise(100_003) * np.float32(1e-3) + np.float32(offset)
    rng = np.random.default_rng(0)
    cuts = [0, *sorted(rng.integers(0, 100_003, 40).tolist()), 100_003]
    parts = [mix[:, start:end] for start, end in pairwise(cuts)]
    song = torch.from_numpy(mix)
    expected = (song if normalise == "stereo" else song.mean(0)).double()
    level = measure_level(parts, normalise)
    assert level.mean == pytest.approx(expected.mean().item(), rel=1e-9, abs=1e-12)
    assert level.deviation == pytest.approx(expected.std().item(), rel=1e-6)


def test_one_sample_has_a_level() -> None:
    one = np.array([[0.5], [0.25]], dtype=np.float32)
    assert measure_level([one], "mono") == (0.375, 0.0)
    assert measure_level([one], "stereo").deviation == pytest.approx(one.std(ddof=1))


def test_calls_and_their_lengths_are_as_they_are_counted() -> None:
    for shifts in (0, 3):
        spec = CompanionSpec("x.onnx", 0.5, 0.5, shifts=shifts)
        sizes: list[int] = []

        def count(mix: Audio, sizes: list[int] = sizes) -> Audio:
            sizes.extend([mix.shape[2]] * len(mix))
            return process(mix)

        way = CompanionStream(spec, Level(0.0, 1.0), count)
        way.push(noise(3 * SAMPLE_RATE))
        way.finish()
        assert len(sizes) == -(-3 * SAMPLE_RATE // step_of(spec))
        assert max(sizes) <= longest_input(spec)
        assert shifts or max(sizes) == longest_input(spec)


@pytest.mark.parametrize(
    ("samples", "batch", "batches"),
    [
        # Whole segments start every 0.25 s up to 0.5 s before the end, cut ones behind them.
        (0.4, 4, [1, 1]),
        (0.5, 4, [1, 1]),
        (2.0, 4, [4, 3, 1]),
        (2.25, 4, [4, 4, 1]),
        (2.3, 4, [4, 4, 1, 1]),
        (2.3, 3, [3, 3, 2, 1, 1]),
        (1.0, 1, [1, 1, 1, 1]),
    ],
)  # fmt: skip
def test_whole_segments_go_together_and_cut_ones_alone(
    samples: float, batch: int, batches: list[int]
) -> None:
    calls: list[tuple[int, ...]] = []

    def note(mix: Audio) -> Audio:
        calls.append(mix.shape)
        return process(mix)

    spec = CompanionSpec("x.onnx", 0.5, 0.5, batch=batch)
    way = CompanionStream(spec, Level(0.0, 1.0), note)
    way.push(noise(int(samples * SAMPLE_RATE)))
    way.finish()
    assert [shape[0] for shape in calls] == batches
    assert all(shape[2] == longest_input(spec) for shape in calls if shape[0] > 1)


@pytest.mark.parametrize(
    "values",
    [{"segment": 0.0}, {"segment": float("inf")}, {"overlap": 1.0}, {"overlap": -0.1},
     {"normalise": "none"}, {"shifts": -1}, {"segment": 1e-6}, {"batch": 0}],
)  # fmt: skip
def test_nonsense_is_refused(values: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=next(iter(values)).replace("segment", "segment|overlap")):
        CompanionSpec("x.onnx", **values)  # type: ignore[arg-type]
