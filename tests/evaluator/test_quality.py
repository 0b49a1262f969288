"""quality.json: the levels used, and whether a song was degraded by its limit."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evaluator.quality import Quality, read_quality
from mdx.errors import ConfigError
from mdx.systems.spec import SOURCES


def level(index: int, label: str, **changes: Any) -> dict[str, Any]:
    whole = {
        "precision": "float32", "estimators": ["bass", "demucs_v2"], "sources": list(SOURCES),
        "mixer": True, "both_polarities": False,
    }  # fmt: skip
    return {"index": index, "label": label, **whole, **changes}


LEVELS = [
    level(0, "float32, both polarities", both_polarities=True),
    level(1, "float32"),
    level(2, "int8", precision="int8"),
    level(3, "scaled mixture", estimators=[], sources=[], mixer=False),
]


def write(path: Path, *indices: int) -> Path:
    decisions = [
        {"index": index, "position": 0.5 * number, "reason": "it fits", "elapsed": 0.1,
         "forecast": 1.0, "spare": 2.0, "slowness": 1.0}
        for number, index in enumerate(indices)
    ]  # fmt: skip
    path.write_text(json.dumps({"limit": 9.0, "levels": LEVELS, "decisions": decisions}))
    return path


@pytest.mark.parametrize(
    ("indices", "degraded", "averaged"),
    [
        ((0,), False, True),
        ((1,), False, False),
        ((0, 1), False, True),  # less work, but the whole system
        ((1, 2), True, False),
        ((0, 3), True, True),
        ((2,), True, False),
    ],
)
def test_only_less_than_the_whole_system_is_degraded(
    tmp_path: Path, indices: tuple[int, ...], degraded: bool, averaged: bool
) -> None:
    quality = read_quality(write(tmp_path / "quality.json", *indices))
    assert [level.index for level in quality.ladder] == [0, 1, 2, 3]
    assert [level.index for level in quality.used] == list(indices)
    assert quality.labels == [LEVELS[index]["label"] for index in indices]
    assert (quality.degraded, quality.both_polarities) == (degraded, averaged)


def test_levels_are_found_by_their_index_not_their_place(tmp_path: Path) -> None:
    path = write(tmp_path / "quality.json", 1, 2)
    content = json.loads(path.read_text())
    path.write_text(json.dumps(content | {"levels": content["levels"][::-1]}))
    assert read_quality(path).labels == ["float32", "int8"] and read_quality(path).degraded


def test_a_submission_need_not_report_levels(tmp_path: Path) -> None:
    assert read_quality(tmp_path / "quality.json") == Quality()
    assert Quality().labels == [] and not Quality().both_polarities


BROKEN: dict[str, Callable[[dict[str, Any]], object]] = {
    "an index without a level": lambda content: content["decisions"][0].update(index=9),
    "a level without a label": lambda content: content["levels"][0].pop("label"),
    "no decisions": lambda content: content.pop("decisions"),
    "no levels": lambda content: content.pop("levels"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_another_layout_is_named(tmp_path: Path, case: str) -> None:
    path = write(tmp_path / "quality.json", 0)
    content = json.loads(path.read_text())
    BROKEN[case](content)
    path.write_text(json.dumps(content))
    with pytest.raises(ConfigError, match=r"quality\.json: got .*, expected levels, and decisions"):
        read_quality(path)
    path.write_text("{half")
    with pytest.raises(ConfigError, match=r"quality\.json: got JSONDecodeError"):
        read_quality(path)
