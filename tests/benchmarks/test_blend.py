"""The table of the blend at full size: the contents of its columns."""

from pathlib import Path

import pytest

from benchmarks.blend import DEMUCS, HEADER, SETTINGS, middle, row, write_system
from evaluator.replay import Separation
from mdx.systems.find import find_system
from mdx.systems.spec import SOURCES


def test_the_system_is_leaderboard_a_s_except_for_its_weights(tmp_path: Path) -> None:
    spec, _ = find_system(write_system(tmp_path, 40.0, 0.5, 2))
    sent, _ = find_system("leaderboard_a")
    assert spec.combine[1:] == sent.combine[1:] and spec.names == sent.names
    assert spec.ladder == sent.ladder
    ours, theirs = spec.estimators[-1], sent.estimators[-1]
    assert (ours.weights, ours.options["batch"]) == (DEMUCS, 2)
    assert ours.options["normalise"] == theirs.options["normalise"]
    for part, model in zip(spec.estimators[:4], sent.estimators, strict=False):
        assert part.options["n_fft"] == model.options["n_fft"]


def run_of(seconds: float, stages: dict[str, float]) -> Separation:
    return Separation(
        4.0, seconds, stages, 2_000_000_000, 2, None, None, None, [], degraded=False,
        both_polarities=False,
    )  # fmt: skip


@pytest.mark.parametrize("seconds", [[5.0, 1.0, 3.0], [3.0], [9.0, 3.0, 1.0, 2.0]])
def test_a_row_is_of_the_run_in_the_middle(seconds: list[float]) -> None:
    assert middle([run_of(taken, {}) for taken in seconds]).seconds == 3.0


def test_the_columns_add_up_to_the_seconds() -> None:
    stages = {"read": 1.0, "stft": 2.0, "istft": 3.0, "combine": 0.5, "write": 1.5}
    stages["demucs_v2"] = 20.0
    stages |= dict.fromkeys(SOURCES, 10.0)
    run = run_of(70.0, stages)
    cells = row(SETTINGS[0], 100, run)
    assert len(cells) == len(HEADER)
    assert cells[1:4] == ["74.0", "0.74", "2000"]
    assert cells[4:7] == ["40.0", "20.0", "5.0"]
    assert sum(map(float, cells[4:])) == pytest.approx(74)
