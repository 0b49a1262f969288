"""The paper's figures agree with the code and the data, and are reproducible."""

import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from benchmarks.figures.bars import draw_bars, measured_bars, paper_table, published_bars
from benchmarks.figures.flow import draw_flow
from benchmarks.figures.sizes import sizes_table
from benchmarks.figures.u_net import draw_u_net, level_sizes
from evaluator.scores import METRICS
from mdx.errors import ConfigError
from mdx.systems.find import find_system
from models.tfc_tdf import TfcTdfSpec
from tests.evaluator.page_report import SYSTEMS, make_report


def words(path: Path) -> list[str]:
    """All text of an SVG."""
    texts = ElementTree.parse(path).iter("{http://www.w3.org/2000/svg}text")
    return ["".join(text.itertext()).strip() for text in texts]


def test_the_flow_names_all_estimators_and_shares(tmp_path: Path) -> None:
    draw_flow(find_system("leaderboard_a")[0], tmp_path / "flow.svg")
    found = words(tmp_path / "flow.svg")
    assert {"mixture", "n_fft 16,384", "n_fft 6,144", "Demucs-v2", "Mixer", "vocals 0.9"} <= {
        *found
    }
    draw_flow(find_system("demo_no_mixer")[0], tmp_path / "plain.svg")
    assert "Mixer" not in words(tmp_path / "plain.svg")


def test_the_u_is_that_of_the_spec(tmp_path: Path) -> None:
    spec = TfcTdfSpec(dim_f=64, n_blocks=5, growth=6, bottleneck=4)
    assert level_sizes(spec, 32) == [(6, 32, 64), (12, 16, 32), (18, 8, 16)]
    draw_u_net(spec, 32, tmp_path / "u.svg")
    found = words(tmp_path / "u.svg")
    assert found.count("6 x 32 x 64") == found.count("12 x 16 x 32") == found.count("x") == 2
    assert found.count("18 x 8 x 16") == 1 and "TFC 3 x 3x3, TDF 16-4-16" in found


def test_a_figure_is_the_same_when_drawn_again(tmp_path: Path) -> None:
    for name in ("a.svg", "b.svg"):
        draw_bars(published_bars(paper_table()), tmp_path / name)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


def test_bars_are_the_rows_of_the_paper_the_best_first(tmp_path: Path) -> None:
    rows = published_bars(paper_table())
    sums = [sum(value for value in row.values.values() if value is not None) for row in rows]
    assert sums == sorted(sums, reverse=True)
    draw_bars(rows, tmp_path / "bars.svg")
    names = [word for word in words(tmp_path / "bars.svg") if word.endswith("(published)")]
    assert names == [f"{row.name} (published)" for row in rows] and len(names) == 11


def test_our_own_bars_name_their_songs(tmp_path: Path) -> None:
    report, content = tmp_path / "report.json", make_report()
    report.write_text(json.dumps(content))
    for metric in METRICS:  # the table that is somebody else's is in the first
        found = measured_bars(report, metric)
        assert [bars.name.splitlines()[0] for bars in found] == ["ScaledMixture", *SYSTEMS]
        assert all(bars.measured for bars in found)
        assert found[1].values == content["systems"][0]["mean"][metric]
    draw_bars(found, tmp_path / "bars.svg")
    assert "(5 songs of 'mine')" in " ".join(words(tmp_path / "bars.svg"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "got FileNotFoundError"), ("{half", "got JSONDecodeError"), ("[]", "got TypeError"),
        (json.dumps(make_report() | {"tables": []}), "got no scores, expected a report of songs"),
    ],
)  # fmt: skip
def test_a_report_without_bars_is_named(tmp_path: Path, text: str | None, message: str) -> None:
    if text is not None:
        (tmp_path / "report.json").write_text(text)
    with pytest.raises(ConfigError, match=rf"report\.json: {message}"):
        measured_bars(tmp_path / "report.json", "sdr")


def test_the_configuration_is_counted() -> None:
    table = sizes_table()
    assert "2,232,132" in table and "7,423,236" in table and "bass 16,384" in table
