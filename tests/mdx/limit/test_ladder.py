"""The quality levels of a system: those of its YAML whose networks exist."""

import logging
from pathlib import Path
from typing import Any

import pytest
import yaml

from mdx.errors import ConfigError, WeightsError
from mdx.limit.policy import Limit
from mdx.separator import Separator
from mdx.systems.find import find_system, read_system
from mdx.systems.spec import SOURCES
from tests.tiny import edit_system


def levels(system: Path, **options: Any) -> list[str]:
    ladder = Separator.load(system, threads=1, **options).ladder
    return [level.label(ladder.levels[0]) for level in ladder.levels]


def test_without_a_limit_there_is_one_level(quantised_copy: Path) -> None:
    assert levels(quantised_copy) == ["float32"]
    assert levels(quantised_copy, spend_budget=True) == ["float32, both polarities", "float32"]


def test_a_limit_adds_the_available_levels(quantised_copy: Path, tiny_system: Path) -> None:
    assert levels(tiny_system, limited=True) == ["float32", "scaled mixture"]
    assert levels(quantised_copy, limited=True) == ["float32", "int8", "scaled mixture"]
    assert levels(quantised_copy, limited=True, precision="int8") == ["int8", "scaled mixture"]


def test_auto_gives_the_levels_of_the_chosen_precision(
    quantised_copy: Path, tiny_system: Path
) -> None:
    assert levels(quantised_copy, limited=True, precision="auto") == ["int8", "scaled mixture"]
    assert levels(tiny_system, limited=True, precision="auto") == ["float32", "scaled mixture"]


def test_auto_goes_without_int8_networks_of_which_none_is_here(
    quantised_copy: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for path in quantised_copy.parent.glob("*.int8.onnx"):
        path.unlink()
    separator = Separator.load(quantised_copy, precision="auto", runtime="onnxruntime", threads=1)
    assert separator.precision == "float32"
    assert "no int8 network of tiny is here" in caplog.text


def test_a_missing_int8_network_removes_only_its_levels(
    quantised_copy: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (quantised_copy.parent / "bass.int8.onnx").unlink()
    with caplog.at_level(logging.WARNING):
        assert levels(quantised_copy, limited=True) == ["float32", "scaled mixture"]
    assert "bass.int8.onnx" in caplog.text and "goes without int8" in caplog.text
    with pytest.raises(WeightsError, match=r"bass\.int8\.onnx"):
        levels(quantised_copy, precision="int8")


def test_int8_of_networks_that_are_not_here_begins_with_these(tiny_copy: Path) -> None:
    (tiny_copy.parent / "bass.onnx").unlink()
    with pytest.raises(WeightsError, match=r"system tiny: got no bass\.onnx, expected its weights"):
        levels(tiny_copy, precision="int8")


def test_a_custom_ladder(quantised_copy: Path) -> None:
    system = yaml.safe_load(quantised_copy.read_text())
    system["limit"] = "ratio:1.57"
    system["ladder"] = [
        {"precision": "float32"},
        {"precision": "float32", "mixer": False},
        {"precision": "int8", "estimators": ["vocals", "drums"]},
        {"estimators": []},
    ]
    quantised_copy.write_text(yaml.safe_dump(system))
    assert find_system(quantised_copy)[0].limit == "ratio:1.57"
    assert levels(quantised_copy, limited=True) == [
        "float32", "float32, no Mixer", "int8, drums and vocals", "scaled mixture",
    ]  # fmt: skip


def test_fewer_sources_go_down_the_same_ladder_without_the_mixer(quantised_copy: Path) -> None:
    found = levels(quantised_copy, limited=True, sources=["vocals"])
    assert found == ["float32", "int8", "scaled mixture"]
    separator = Separator.load(quantised_copy, threads=1, sources=["vocals", "bass"])
    assert separator.sources == ("bass", "vocals")
    assert separator.ladder.levels[0].estimators == ("bass", "vocals")
    assert not separator.ladder.levels[0].mixer


def test_int8_is_asked_of_the_sources_that_are_made(
    quantised_copy: Path, caplog: pytest.LogCaptureFixture
) -> None:
    manifest = quantised_copy.with_name("manifest.yaml")
    entries = yaml.safe_load(manifest.read_text())
    del entries["bass.int8.onnx"]
    entries["drums.int8.onnx"]["parent"] = "0" * 64
    manifest.write_text(yaml.safe_dump(entries))
    with caplog.at_level(logging.WARNING):
        found = levels(quantised_copy, limited=True, sources=["vocals"])
        auto = levels(quantised_copy, limited=True, sources=["vocals"], precision="auto")
    assert found == ["float32", "int8", "scaled mixture"]
    assert auto == ["int8", "scaled mixture"]
    assert not caplog.text
    system = yaml.safe_load(quantised_copy.read_text())
    system["ladder"] = [{"precision": "int8", "estimators": ["other", "vocals"]}]
    quantised_copy.write_text(yaml.safe_dump(system))
    assert levels(quantised_copy, limited=True)[1] == "int8, other and vocals"


@pytest.mark.parametrize("sources", [[], ["piano"], ["vocals", "piano"]])
def test_other_sources_are_refused(tiny_system: Path, sources: list[str]) -> None:
    with pytest.raises(ConfigError, match="sources"):
        levels(tiny_system, sources=sources)


@pytest.mark.parametrize(
    "ladder",
    ["float32", [], ["float32"], [{"precison": "int8"}], [{"estimators": [["drums"]]}],
     [{"estimators": ["piano"]}], [{"estimators": "drums"}],
     [{"sources": ["drums"]}], [{"mixer": "no"}], [3]],
)  # fmt: skip
def test_other_ladders_are_refused(ladder: object, tiny_copy: Path) -> None:
    system = yaml.safe_load(tiny_copy.read_text())
    tiny_copy.write_text(yaml.safe_dump({**system, "ladder": ladder}))
    with pytest.raises(ConfigError, match="ladder"):
        read_system(tiny_copy)


def test_a_file_of_that_name_which_is_not_ours_is_left_alone(
    tiny_system: Path, song: Path, tmp_path: Path
) -> None:
    theirs = tmp_path / "out" / "quality.json"
    theirs.parent.mkdir()
    separator = Separator.load(tiny_system, threads=1, limited=True)
    for text in ('{"mine": 1}', '["decisions"]'):
        theirs.write_text(text)
        separator.separate_file(song, tmp_path / "out")
        separator.separate_file(song, tmp_path / "out", limit=Limit("fixed", 600))
        assert theirs.read_text() == text
    theirs.unlink()
    theirs.mkdir()  # cannot be written, but the stems are written all the same
    paths = separator.separate_file(song, tmp_path / "out", limit=Limit("fixed", 600))
    assert all(path.is_file() for path in paths.values())


def test_levels_are_described_in_fields_and_words(quantised_copy: Path) -> None:
    edit_system(quantised_copy, {"ladder": [{"precision": "int8", "estimators": ["vocals"]}]})
    ladder = Separator.load(quantised_copy, threads=1, limited=True).ladder
    whole, part, last = ladder.describe()
    assert whole["sources"] == list(SOURCES) and whole["mixer"] and whole["label"] == "float32"
    assert part == {
        "index": 1, "precision": "int8", "estimators": ["vocals"], "sources": ["vocals"],
        "mixer": False, "both_polarities": False, "label": "int8, vocals",
    }  # fmt: skip
    assert last["sources"] == [] and last["label"] == "scaled mixture"
