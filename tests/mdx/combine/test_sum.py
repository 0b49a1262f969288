"""The sum of two estimators' stems, and what is left of it where one does not run."""

import numpy as np
import pytest

from mdx.combine.sum import Sum
from mdx.errors import ConfigError
from mdx.systems.spec import Audio


def audio(seed: int) -> Audio:
    return np.random.default_rng(seed).standard_normal((2, 50)).astype(np.float32)


def test_stems_of_both_are_added_and_others_are_kept() -> None:
    stems, aside = {"bass": audio(1), "drums": audio(2)}, {"bass": audio(3), "vocals": audio(4)}
    before = {name: part.copy() for name, part in stems.items()}
    found = Sum("low")(stems, aside, audio(0))
    assert set(found) == {"bass", "drums", "vocals"}
    assert found["bass"] == pytest.approx(audio(1) + audio(3), abs=1e-6)
    assert np.array_equal(found["drums"], audio(2)) and np.array_equal(found["vocals"], audio(4))
    assert all(np.array_equal(stems[name], part) for name, part in before.items())


def test_without_the_other_estimator_stems_stay() -> None:
    stems = {"bass": audio(1)}
    assert np.array_equal(Sum("low")(stems, None, audio(0))["bass"], audio(1))


def test_the_estimator_must_be_named() -> None:
    with pytest.raises(ConfigError, match="sum: got no estimator, expected the name of one to add"):
        Sum(None)
