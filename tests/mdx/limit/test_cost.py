"""The cost model of a time limit: measured seconds per call of an estimator."""

from types import SimpleNamespace

import numpy as np
import pytest

import mdx.limit.cost
from mdx.estimators.protocol import Geometry
from mdx.limit.cost import segment_cost
from mdx.stages import Stages
from mdx.systems.spec import SAMPLE_RATE, Audio
from tests.streams import FunctionEstimator


@pytest.mark.parametrize(("batch", "expected"), [(1, 1.5), (2, 1.0), (5, 0.7)])
@pytest.mark.parametrize("fixed_length", [False, True])
@pytest.mark.parametrize("segment", [1.0, 40.0])
def test_a_segment_costs_its_share_of_a_full_call(
    batch: int, expected: float, segment: float, fixed_length: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    now = 0.0
    monkeypatch.setattr(mdx.limit.cost, "time", SimpleNamespace(perf_counter=lambda: now))
    seen = []

    class Timed(FunctionEstimator):
        def __call__(self, segments: Audio, *, stages: Stages, rng: np.random.Generator) -> Audio:
            nonlocal now
            now += (1 + 0.5 * len(segments)) * segments.shape[2] / SAMPLE_RATE
            seen.append(segments.shape)
            return super().__call__(segments, stages=stages, rng=rng)

    samples = int(segment * SAMPLE_RATE)
    geometry = Geometry(samples, samples, batch=batch)
    cost = segment_cost(Timed(lambda part: part, geometry, fixed_length=fixed_length))
    assert cost == pytest.approx(expected * segment)
    longest = samples if fixed_length else min(samples, 2 * SAMPLE_RATE)
    assert set(seen) == {(batch, 2, longest)}


def test_a_probe_is_made_of_whole_patches() -> None:
    lengths = []

    def process(part: Audio) -> Audio:
        lengths.append(part.shape[1])
        return part

    for grain in (1, 60_000, 260_000):
        geometry = Geometry(10**6, 10**6, grain=grain)
        segment_cost(FunctionEstimator(process, geometry, fixed_length=False))
    assert sorted(set(lengths)) == [2 * SAMPLE_RATE, 120_000, 260_000]
