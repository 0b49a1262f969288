"""Training curves, read from files and drawn in the report."""

import json
from pathlib import Path

import pytest

from evaluator.curves import FILE, Curve, curve_lines, read_curves
from evaluator.page import write_page
from mdx.errors import ConfigError
from tests.evaluator.page_report import make_report


def write_curve(runs: Path, source: str, text: str) -> None:
    """Write a curve where training would write it."""
    (runs / source).mkdir(parents=True)
    (runs / source / FILE).write_text(text)


def test_curves_are_read_by_source(tmp_path: Path) -> None:
    write_curve(tmp_path, "vocals", "step,name,value\n50,loss,0.5\n100,loss,0.25\n100,sdr,-1.5\n")
    write_curve(tmp_path, "bass", "step,name,value\n50,loss,2\n")
    assert read_curves(tmp_path) == {
        "bass": {"loss": Curve([50], [2.0])},
        "vocals": {"loss": Curve([50, 100], [0.5, 0.25]), "sdr": Curve([100], [-1.5])},
    }


def test_a_network_for_all_sources_has_their_scores(tmp_path: Path) -> None:
    rows = "50,loss,0.5\n50,sdr,4\n50,sdr bass,3\n50,sdr drums,6\n50,sdr other,2\n50,sdr vocals,5\n"
    write_curve(tmp_path, "all", f"step,name,value\n{rows}")
    curves = read_curves(tmp_path)
    assert curves["all"] == {"loss": Curve([50], [0.5]), "sdr": Curve([50], [4.0])}
    assert curves["drums"] == {"sdr": Curve([50], [6.0])}
    lines = json.loads(str(curve_lines(curves, "sdr")))["data"]
    assert {line["name"]: line["y"] for line in lines} == {
        "all": [4.0], "bass": [3.0], "drums": [6.0], "other": [2.0], "vocals": [5.0],
    }  # fmt: skip
    assert len({line["line"]["color"] for line in lines}) == 5


@pytest.mark.parametrize(
    "text", ["step,name,value\nx,loss,1\n", "step,name\n1,loss\n", "step,name,value\n1,loss\n"]
)
def test_an_invalid_curve_is_named(tmp_path: Path, text: str) -> None:
    write_curve(tmp_path, "drums", text)
    with pytest.raises(ConfigError, match=r"drums/curve.csv: got .*expected rows of step"):
        read_curves(tmp_path)


def test_a_folder_without_curves_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="got no training curves"):
        read_curves(tmp_path / "nowhere")


def test_losses_are_drawn_relative_to_the_first(tmp_path: Path) -> None:
    curves = {"bass": {"loss": Curve([50, 100], [0.5, 0.25])}, "drums": {"sdr": Curve([9], [4.0])}}
    (line,) = json.loads(str(curve_lines(curves, "loss")))["data"]
    assert (line["name"], line["x"], line["y"]) == ("bass", [50, 100], [1.0, 0.5])
    (line,) = json.loads(str(curve_lines(curves, "sdr")))["data"]
    assert (line["name"], line["y"]) == ("drums", [4.0])
    (line,) = json.loads(str(curve_lines({"bass": {"loss": Curve([1], [0.0])}}, "loss")))["data"]
    assert line["y"] == [0.0]  # of silence, to which nothing is relative
    assert curve_lines({"bass": {}}, "loss") is None


def test_the_page_has_the_curves_that_exist(tmp_path: Path) -> None:
    curves = {"bass": {"loss": Curve([50], [0.5])}}
    texts = []
    for given in (None, curves):
        write_page(make_report(), {}, tmp_path, tmp_path / "x.html", excerpt=0, curves=given)
        texts.append((tmp_path / "x.html").read_text(encoding="utf-8"))
    assert "<h2>Training</h2>" not in texts[0]
    assert 'id="curve-loss"' in texts[1] and 'id="curve-sdr"' not in texts[1]
