"""The bars of a report's time limits: all are seen, from above to below, and so is the line."""

import json
from typing import Any

import pytest

from evaluator.figures import limit_bars


def timing(system: str, *, projected: bool) -> dict[str, Any]:
    """The timing of a system that takes longer than either limit."""
    shares = {"share_of_round_1_limit": 2.0, "share_of_round_2_limit": 5.0}
    return {"system": system, "songs": [shares],
            "projection": {"duration": 430.0, **shares} if projected else None}  # fmt: skip


@pytest.mark.parametrize(("projected", "bars"), [((True,), 4), ((False,), 2), ((True, False), 4)])
def test_no_bar_is_cut_off_or_covers_the_word_at_the_line(
    projected: tuple[bool, ...], bars: int
) -> None:
    names = [f"system {number}" for number in range(len(projected))]
    systems = [timing(name, projected=it) for name, it in zip(names, projected, strict=True)]
    found = limit_bars({
        "systems": [{"system": name} for name in names],
        "timing": {"systems": systems,
                   "limits": {"round_1_seconds": 240.0, "round_2_ratio": 1.57}},
    })  # fmt: skip
    assert found is not None
    figure = json.loads(found)
    lowest, highest = figure["layout"]["yaxis"]["range"]  # categories are 0, 1 and so on
    assert len({name for trace in figure["data"] for name in trace["y"]}) == bars
    assert lowest == bars - 0.5  # half a category below the last one
    assert highest < -0.5  # more than half a category above the first one
    assert figure["layout"]["xaxis"]["range"][1] > 500
