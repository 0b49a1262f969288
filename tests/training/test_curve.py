"""The curve of a run: its points, and those that a resumed run keeps."""

from pathlib import Path

import pytest

from evaluator.curves import read_curves
from mdx.errors import OutputError
from tests.training.miniature import run, skip_export, write_songs
from training.curve import CURVE, Curve


def test_a_resumed_run_forgets_what_came_after_its_weights(tmp_path: Path) -> None:
    curve = Curve(tmp_path)
    for step, name, value in ((50, "loss", 0.25), (100, "loss", 0.125), (100, "sdr", 3.0)):
        curve.add(step, name, value)
    again = Curve(tmp_path)
    again.resume(50)
    again.add(100, "loss", 0.5)
    assert (tmp_path / CURVE).read_text() == "step,name,value\n50,loss,0.25\n100,loss,0.5\n"


def test_a_new_run_begins_a_new_curve(tmp_path: Path) -> None:
    Curve(tmp_path).add(50, "loss", 0.25)
    curve = Curve(tmp_path)
    curve.resume(0)
    curve.add(50, "loss", 0.5)
    assert (tmp_path / CURVE).read_text().splitlines()[1:] == ["50,loss,0.5"]


def test_a_curve_that_cannot_be_written_is_an_output_error(tmp_path: Path) -> None:
    (tmp_path / "run").write_bytes(b"a file where the folder should be")
    with pytest.raises(OutputError):
        Curve(tmp_path / "run").add(1, "loss", 1.0)


def test_the_evaluator_reads_what_training_leaves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_songs(tmp_path / "songs")
    skip_export(monkeypatch)
    monkeypatch.setattr("training.report.EVERY", 3)
    best = run(tmp_path, out=tmp_path / "runs" / "drums")
    drums = read_curves(tmp_path / "runs")["drums"]
    assert drums["loss"].steps == [3, 6] and min(drums["loss"].values) > 0
    assert drums["sdr"].steps == [2, 4, 6]
    assert max(drums["sdr"].values) == pytest.approx(best, rel=1e-5)
