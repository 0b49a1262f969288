"""The table of the blend at full size: what stands in its columns."""

from pathlib import Path

import pytest

from benchmarks.blend import DEMUCS, HEADER, SETTINGS, row, write_system
from evaluator.replay import Separation
from mdx.systems.find import find_system
from mdx.systems.spec import SOURCES


def test_the_system_is_leaderboard_a_s_but_for_its_weights(tmp_path: Path) -> None:
    spec, _ = find_system(write_system(tmp_path, 40.0, 0.5, 2))
    sent, _ = find_system("leaderboard_a")
    assert spec.blend == sent.blend and spec.companion is not None and sent.companion is not None
    assert (spec.companion.weights, spec.companion.batch) == (DEMUCS, 2)
    assert spec.companion.normalise == sent.companion.normalise
    for source in SOURCES:
        assert spec.separators[source].n_fft == sent.separators[source].n_fft


def test_the_columns_add_up_to_the_seconds() -> None:
    stages = {"read": 1.0, "stft": 2.0, "istft": 3.0, "mixer": 0.5, "companion": 20.0, "write": 1.5}
    stages |= dict.fromkeys(SOURCES, 10.0)
    run = Separation(
        4.0, 70.0, stages, 2_000_000_000, 2, None, None, None, [], degraded=False,
        both_polarities=False,
    )  # fmt: skip
    cells = row(SETTINGS[0], 100, run)
    assert len(cells) == len(HEADER)
    assert cells[1:4] == ["74.0", "0.74", "2000"]
    assert cells[4:7] == ["40.0", "20.0", "5.0"]
    assert sum(map(float, cells[4:])) == pytest.approx(74)
