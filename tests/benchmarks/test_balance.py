"""The comparison's costs: counted operations, projections, table and figure."""

from collections import Counter
from dataclasses import replace
from pathlib import Path
from statistics import mean
from typing import Any
from xml.etree import ElementTree

import numpy as np
import onnx
import pytest

from benchmarks.balance.contenders import CONTENDERS, Run, published_sdr, runs_of
from benchmarks.balance.figure import draw_balance
from benchmarks.balance.measure import Figures, all_runs, measure, projected_seconds
from benchmarks.balance.networks import SIZES, in_four_stems, write_system
from benchmarks.balance.tables import balance_table
from benchmarks.balance.work import song_macs
from evaluator.json_files import write_json
from evaluator.published import read_published
from mdx.errors import ConfigError
from mdx.runtimes.onnx import OnnxNetwork
from mdx.separator import Separator
from mdx.systems.find import system_names
from mdx.systems.spec import SAMPLE_RATE, SOURCES
from models.macs import count_macs
from tests.benchmarks.test_figures import words
from tests.mdx.published_shelf import shelve


@pytest.mark.parametrize("name", ["tfc_tdf_v1", "x_umx", "d3net"])
def test_operations_are_those_of_every_call(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    system = shelve(name, tmp_path).path
    calls: Counter[tuple[str, tuple[int, ...]]] = Counter()

    class Counting(OnnxNetwork):
        def __init__(self, path: Path, name: str, **how: Any) -> None:
            self.file = name
            super().__init__(path, name, **how)

        def __call__(self, values: Any, out: Any = None) -> Any:
            calls[self.file, values.shape] += 1
            return super().__call__(values, out)

    monkeypatch.setattr("mdx.runtimes.runtime.OnnxNetwork", Counting)
    separator = Separator.load(system)
    calls.clear()  # of the checks while loading
    seconds = 0.1
    noise = np.random.default_rng(0).uniform(-1, 1, (2, round(seconds * SAMPLE_RATE)))
    separator.separate(noise.astype(np.float32), SAMPLE_RATE)
    expected = sum(
        count * count_macs(onnx.load(tmp_path / file), shape)
        for (file, shape), count in calls.items()
    )
    assert calls and song_macs(system, seconds) == expected


def test_every_system_has_networks_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("_write_v2", "_write_demucs", "_write_known"):
        monkeypatch.setattr(f"benchmarks.balance.networks.{name}", lambda *_: 1)
    for system in CONTENDERS:
        write_system(Run(system, "published", "float32"), tmp_path)
    written = {path.name.partition(".")[0] for path in tmp_path.glob("*.parameters")}
    assert len(written) >= len(SIZES) + 2
    monkeypatch.setattr("benchmarks.balance.networks.SIZES", {})
    with pytest.raises(ConfigError, match=r"^x_umx: got no size"):
        write_system(Run("x_umx", "published", "float32"), tmp_path)


def test_every_system_with_published_networks_is_included() -> None:
    ours = {"demo", "demo_no_mixer", "synthetic"}
    others = {*ours, "leaderboard_b"}
    assert set(system_names()) - others == set(CONTENDERS)


def test_one_pass_is_listed_where_it_differs() -> None:
    assert runs_of("x_umx", {"overlap": 0, "flip": False}) == [Run("x_umx", "published", "float32")]
    assert [run.way for run in runs_of("d3net", {"flip": True})] == ["published", "one pass"]
    assert [run.way for run in runs_of("demucs_v2", {})] == ["published", "one pass"]  # shifts
    assert len(all_runs(list(CONTENDERS))) == len(set(all_runs(list(CONTENDERS))))


def test_the_published_sdr_is_the_mean_of_the_row() -> None:
    (row,) = (
        row for table in read_published().tables if "final text" in table.title
        for row in table.rows if row.name == "D3Net"
    )  # fmt: skip
    assert published_sdr("d3net") == pytest.approx(mean(row.values[s] or 0 for s in SOURCES))
    assert published_sdr("mmdensenet") is None


def test_public_stems_become_four() -> None:
    vocals = {"makes": ["vocals"], "weights": "v.onnx"}
    found = in_four_stems([vocals, {"makes": ["accompaniment"]}])
    assert [part["makes"] for part in found] == [[source] for source in SOURCES]
    assert in_four_stems([{"makes": list(SOURCES)}]) == [{"makes": list(SOURCES)}]


def test_one_pass_has_no_overlap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.balance.networks._once", lambda *args: args[1])
    texts = [
        write_system(Run("d3net", way, "float32"), tmp_path).read_text()
        for way in ("published", "one pass")
    ]
    assert "overlap: 0.5" in texts[0] and "flip: true" in texts[0]
    assert "overlap: 0\n" in texts[1] and "flip: false" in texts[1]
    # Segments hold whole patches, of which the bass has longer ones.
    assert "segment: 1152" in texts[0] and 1536 % 256 == 1536 % 384 == 0
    assert "segment: 1536" in texts[1]


def figures_of(path: Path, runs: list[Run], seconds: float) -> Figures:
    """A file of figures in which every run took `seconds` for ten seconds of music."""
    figures = Figures(path, 10)
    for run in runs:
        known = figures.of(run)
        known["runs"] = [{"setup_seconds": 1.0, "seconds": seconds, "peak_memory": 5e8}]
        known["macs"], known["parameters"] = {"10": 100, "240": 2400, "430": 4300}, 1_500_000
    return figures


def test_a_projection_follows_the_operations() -> None:
    known = {"runs": [{"seconds": s} for s in (9.0, 2.0, 3.0)], "macs": {"10": 50, "240": 1000}}
    assert projected_seconds(known, 10, 240) == 60


def test_the_table_says_which_limits_are_missed(tmp_path: Path) -> None:
    run = Run("x_umx", "published", "float32")
    lines = balance_table(figures_of(tmp_path / "a.json", [run], 8.0), [run]).splitlines()
    cells = [cell.strip() for cell in lines[-1].split("|")]
    # 192 s of 240 s and of 376.8 s; 344 s of 240 s and of 675.1 s
    assert cells[7:11] == ["80 %", "51 %", "143 % LATE", "51 %"]
    assert cells[3] == "1.50" and cells[5] == "0.80" and cells[11] == "5.79"


def test_the_figure_has_a_point_for_every_published_run(tmp_path: Path) -> None:
    runs = [*all_runs(["x_umx", "demucs_v2"]), Run("mdx_net", "published", "int8")]
    draw_balance(figures_of(tmp_path / "a.json", runs, 8.0), runs, tmp_path / "a.svg")
    found = words(tmp_path / "a.svg")
    assert {"X-UMX", "Demucs-v2", "the limit"} <= set(found)
    assert found.count("Demucs-v2") == 1 and "v2 + Mixer" not in " ".join(found)


def test_names_of_close_points_do_not_overlap(tmp_path: Path) -> None:
    runs = [
        Run(system, "published", "float32")
        for system in ("mdx_net", "open_unmix", "lasaft_light", "mmdenselstm")
    ]  # 5.64 and 5.58 dB, in a figure from 5.41 to 7.28 dB
    draw_balance(figures_of(tmp_path / "a.json", runs, 8.0), runs, tmp_path / "a.svg")
    heights = {
        "".join(text.itertext()): float(text.attrib["y"])
        for text in ElementTree.parse(tmp_path / "a.svg").iter("{http://www.w3.org/2000/svg}text")
    }
    font = 8  # pixels
    assert heights["MMDenseLSTM"] - heights["LaSAFT-Net, light"] > font


def test_figures_of_other_settings_are_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run("lasaft_light", "published", "float32")
    path = tmp_path / "a.json"
    figures = figures_of(path, [run], 8.0)
    figures.save()
    assert Figures(path, 10).of(run)["runs"]
    changed = replace(CONTENDERS[run.system], options={"overlap": 0.5})
    monkeypatch.setitem(CONTENDERS, run.system, changed)
    assert Figures(path, 10).of(run)["runs"] == []


def test_figures_of_another_machine_are_not_mixed(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    Figures(path, 10).save()
    Figures(path, 10)
    with pytest.raises(ConfigError, match="or a new file"):
        Figures(path, 20)
    write_json(path, {"machine": {"cpu": "another"}, "systems": {}})
    with pytest.raises(ConfigError, match="another"):
        Figures(path, 10)


def test_existing_measurements_are_not_repeated(tmp_path: Path) -> None:
    runs = [Run("x_umx", "published", "float32")]
    figures = figures_of(tmp_path / "a.json", runs, 8.0)
    measure(runs, tmp_path / "none", figures, 10, times=1)  # it would write networks there
    assert not (tmp_path / "none").exists()
