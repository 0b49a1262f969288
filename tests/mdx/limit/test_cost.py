"""What a time limit believes of the machine: the costs of networks as they are called."""

from types import SimpleNamespace

import numpy as np
import pytest

import mdx.limit.cost
from mdx.estimators.companion import longest_input
from mdx.limit.cost import segment_cost
from mdx.pipeline import Companion
from mdx.systems.spec import SAMPLE_RATE, Audio, CompanionSpec


@pytest.mark.parametrize(
    ("batch", "shifts", "expected"), [(1, 0, 1.5), (2, 0, 1.0), (5, 0, 0.7), (5, 2, 1.5)]
)
@pytest.mark.parametrize("segment", [1.0, 40.0])
def test_a_segment_costs_its_part_of_a_full_call(
    batch: int, shifts: int, expected: float, segment: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    monkeypatch.setattr(mdx.limit.cost, "time", SimpleNamespace(monotonic=lambda: now))

    def network(mix: Audio) -> Audio:
        nonlocal now
        now += (1 + 0.5 * len(mix)) * mix.shape[2] / SAMPLE_RATE
        return np.stack([mix] * 4, axis=1)

    spec = CompanionSpec("x.onnx", segment, shifts=shifts, batch=batch)
    cost = segment_cost(Companion(network, spec, {}))  # type: ignore[arg-type]
    assert cost == pytest.approx(expected * longest_input(spec) / SAMPLE_RATE)
