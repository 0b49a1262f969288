"""Demucs-v2's segments of the waveform against the original procedure on a whole song."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from mdx.errors import ConfigError
from mdx.estimators.demucs_v2 import MAX_SHIFT, ORDER, stem_samples, valid_length
from mdx.estimators.normalise import Normalisation, measure
from mdx.estimators.overlap_add import OverlapAdd
from mdx.estimators.waveform import Waveform, WaveformOptions
from mdx.systems.spec import SAMPLE_RATE, SOURCES, Audio, EstimatorSpec
from models.demucs_v2.network import Demucs, DemucsSpec
from tests.longhand import demucs_longhand
from tests.streams import FunctionNetwork, Skips, stream
from tests.tiny import noise

TOLERANCE = 1e-5  # of the peak: float32 rounding
KUIELAB = [ORDER.index(source) for source in SOURCES]


def network(mix: Tensor) -> Tensor:
    """A stand-in for Demucs: every sample sees its neighbours, every stem the mean of all input.

    Shape: (batch, 2, n) -> (batch, 4, 2, stem_samples(n))
    """
    lost = mix.shape[-1] - stem_samples(mix.shape[-1])
    inside = mix[..., lost // 2 : mix.shape[-1] - (lost - lost // 2)]
    echo = mix[..., : mix.shape[-1] - lost] - mix[..., lost:]
    gains = torch.tensor([1.0, -2.0, 0.5, 3.0]).reshape(1, 4, 1, 1)
    mean = mix.mean(dim=(1, 2)).reshape(-1, 1, 1, 1)
    return gains * inside[:, None] + 0.3 * echo[:, None] + gains.square() * mean


def process(mix: Audio) -> Audio:
    found: Audio = network(torch.from_numpy(mix)).numpy()
    return found


def make(options: WaveformOptions, function: Callable[[Audio], Audio] = process) -> Waveform:
    """An estimator with a function in place of Demucs-v2."""
    network = FunctionNetwork(function, ["b", 2, "n"], ["b", 4, 2, "m"])
    spec = EstimatorSpec("waveform", ORDER, weights="x.onnx", name="demucs_v2")
    return Waveform(spec, options, network, workers=1)


def run(mix: Audio, options: WaveformOptions, block: int = 20_000) -> Audio:
    """A whole song. Shape: (2, n) -> (4, 2, n) in KUIELab's order."""
    assert options.normalise is not None
    normalisation = measure([mix], [options.normalise])[options.normalise]
    overlap_add = OverlapAdd(make(options), normalisation=normalisation)
    return stream(overlap_add, mix, [block] * -(-mix.shape[1] // block))[KUIELAB]


def opened(
    options: WaveformOptions, function: Callable[[Audio], Audio] = process, *skips: Skips
) -> OverlapAdd:
    """A stream without normalisation."""
    return OverlapAdd(
        make(options, function), listeners=skips, normalisation=Normalisation(0.0, 1.0)
    )


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
    options = WaveformOptions(0.5, overlap, shifts=shifts, batch=batch)
    expected = demucs_longhand(
        mix, network, segment=0.5, overlap=overlap, normalise="stereo", shifts=shifts
    )
    got = run(mix, options)
    assert got.shape == expected.shape
    assert np.abs(got - expected).max() < TOLERANCE * np.abs(expected).max()


@pytest.mark.parametrize("shifts", [0, 1])
def test_blocks_may_have_any_size(shifts: int) -> None:
    mix = noise(70_001)
    options = WaveformOptions(0.5, 0.5, normalise="mono", shifts=shifts)
    whole = run(mix, options, 70_001)
    for block in (1013, 22_050, 44_100):
        np.testing.assert_array_equal(run(mix, options, block), whole)


@pytest.mark.parametrize("batch", [1, 2, 5])
def test_stems_of_a_batch_appear_as_soon_as_its_context_is_complete(batch: int) -> None:
    context = valid_length(SAMPLE_RATE) - SAMPLE_RATE
    way = opened(WaveformOptions(1.0, 0.5, batch=batch))
    step = make(WaveformOptions(1.0, 0.5)).geometry.step
    assert step == SAMPLE_RATE // 2
    before = SAMPLE_RATE + (batch - 1) * step + context - context // 2 - 1
    assert way.push(noise(before)).shape[2] == 0
    assert way.push(noise(1)).shape[2] == batch * step
    assert way.push(noise(batch * step - 1)).shape[2] == 0
    assert way.push(noise(1)).shape[2] == batch * step


@pytest.mark.parametrize(("shifts", "batch"), [(0, 1), (1, 1), (0, 4)])
def test_buffers_do_not_grow_with_the_song(shifts: int, batch: int) -> None:
    options = WaveformOptions(1.0, 0.5, shifts=shifts, batch=batch)
    way = opened(options)
    # The mixture of a batch is released when the next batch is taken.
    most = SAMPLE_RATE * 3 + 2 * MAX_SHIFT + 2 * (batch - 1) * options.step
    for _ in range(120):
        way.push(noise(SAMPLE_RATE // 4))
        assert sum(block.shape[1] for block in way._blocks) + way._stems.shape[2] < most
        bases = [block if block.base is None else block.base for block in way._blocks]
        assert sum(np.asarray(base).nbytes for base in bases) <= 8 * most


@pytest.mark.parametrize("value", [0.0, 0.25])
def test_a_song_without_deviation_is_silent_and_needs_no_network(value: float) -> None:
    skips = Skips()
    mix = np.full((2, 60_000), value, dtype=np.float32)
    normalisation = measure([mix], ["mono"])["mono"]
    estimator = make(WaveformOptions(0.5, 0.5))
    way = OverlapAdd(estimator, listeners=[skips], normalisation=normalisation)
    stems = stream(way, mix, [60_000])
    assert normalisation == (value, 0.0) and stems.shape == (4, 2, 60_000) and not stems.any()
    # Segments start every 11,025 samples.
    assert (skips.called, skips.skipped) == (0, 6)


@pytest.mark.parametrize("normalise", ["stereo", "mono"])
@pytest.mark.parametrize("offset", [0.0, 0.9])
def test_blocks_are_measured_like_the_whole_song(normalise: str, offset: float) -> None:
    mix = noise(100_003) * np.float32(1e-3) + np.float32(offset)
    rng = np.random.default_rng(0)
    cuts = [0, *sorted(rng.integers(0, 100_003, 40).tolist()), 100_003]
    parts = [mix[:, start:end] for start, end in pairwise(cuts)]
    song = torch.from_numpy(mix)
    expected = (song if normalise == "stereo" else song.mean(0)).double()
    found = measure(parts, [normalise])[normalise]
    assert found.mean == pytest.approx(expected.mean().item(), rel=1e-9, abs=1e-12)
    assert found.std == pytest.approx(expected.std().item(), rel=1e-6)


def test_one_sample_can_be_measured() -> None:
    one = np.array([[0.5], [0.25]], dtype=np.float32)
    assert measure([one], ["mono"]) == {"mono": (0.375, 0.0)}
    assert measure([one], ["stereo"])["stereo"].std == pytest.approx(one.std(ddof=1))


@pytest.mark.parametrize("shifts", [0, 3])
def test_calls_and_their_lengths_are_as_they_are_counted(shifts: int) -> None:
    options = WaveformOptions(0.5, 0.5, shifts=shifts)
    longest = valid_length(options.samples + (MAX_SHIFT if shifts else 0))
    sizes: list[int] = []

    def count(mix: Audio) -> Audio:
        sizes.extend([mix.shape[2]] * len(mix))
        return process(mix)

    skips = Skips()
    overlap_add = opened(options, count, skips)
    sizes.clear()  # of the check of the network
    stream(overlap_add, noise(3 * SAMPLE_RATE), [3 * SAMPLE_RATE])
    assert len(sizes) == skips.called == make(options).geometry.count(3 * SAMPLE_RATE)
    assert max(sizes) <= longest
    assert shifts or max(sizes) == longest


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

    options = WaveformOptions(0.5, 0.5, batch=batch)
    overlap_add, mix = opened(options, note), noise(int(samples * SAMPLE_RATE))
    calls.clear()  # of the check of the network
    stream(overlap_add, mix, [mix.shape[1]])
    assert [shape[0] for shape in calls] == batches
    assert all(shape[2] == valid_length(options.samples) for shape in calls if shape[0] > 1)


@pytest.mark.parametrize(
    "values",
    [{"segment": 0.0}, {"segment": float("inf")}, {"overlap": 1.0}, {"overlap": -0.1},
     {"normalise": "none"}, {"shifts": -1}, {"window": "round"}, {"lengths": "odd"},
     {"context": -1.0}, {"context": 1.0, "shifts": 1}, {"segment": 1e-6}, {"batch": 0}],
)  # fmt: skip
def test_nonsense_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(values)).replace("segment", "segment|overlap")):
        WaveformOptions(**values)


def test_segments_with_real_neighbours_and_any_length() -> None:
    # The centre of each segment is kept, as in ResUNetDecouple+: a plain echo stays complete.
    def echo(mix: Audio) -> Audio:
        late = np.pad(mix, ((0, 0), (0, 0), (700, 0)))[..., : mix.shape[2]]
        return np.stack([mix + late] * 4, axis=1)

    options = WaveformOptions(
        0.1, 0.0, context=0.05, window="rectangular", normalise=None, lengths="any", batch=1
    )
    mix = noise(20_000)
    found = stream(OverlapAdd(make(options, echo)), mix, [777] * 26)
    expected = mix + np.pad(mix, ((0, 0), (700, 0)))[:, :20_000]
    for stem in found:
        np.testing.assert_allclose(stem, expected, atol=1e-6)
