"""Published numbers: published.yaml, read into tables of one test set and one metric each."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evaluator.scores import COLUMNS, METRICS
from evaluator.systems import DemucsRun
from mdx.errors import ConfigError
from mdx.systems.mappings import build, read_mapping

PATH = Path(__file__).with_name("published.yaml")


@dataclass(frozen=True)
class Recipe:
    """What a system must consist of to be compared with a published row."""

    weights: str | None = None  # a set of released files; None: no separators
    mixer: bool = False
    demucs: str | None = None  # a released Demucs-v2, as it was run
    system: str | None = None  # instead of these: an unchanged system of this repository
    differs: str | None = None  # why these files may give other numbers than the row's


@dataclass(frozen=True)
class ReleasedDemucs:
    """A released Demucs-v2, and how it was run."""

    checkpoint: str  # the first digits of its sha256
    run: DemucsRun


@dataclass(frozen=True)
class Row:
    """One published result, in dB; None where no number was published."""

    name: str
    source: str
    song: float | None = None
    bass: float | None = None
    drums: float | None = None
    other: float | None = None
    vocals: float | None = None
    recipe: Recipe | None = None  # where the result can be repeated
    unrepeatable: str | None = None  # why the result cannot be repeated
    superseded: bool = False  # replaced by its own authors

    @property
    def values(self) -> dict[str, float | None]:
        """By column of the leaderboard."""
        return {column: getattr(self, column) for column in COLUMNS}


@dataclass(frozen=True)
class Table:
    """Results on one test set in one metric."""

    title: str
    test_set: str
    metric: str  # a key of METRICS
    rows: tuple[Row, ...]
    board: str | None = None  # A or B, for the challenge's own tables


@dataclass(frozen=True)
class Published:
    """The whole file: tables, the sha256 of released files by set and role, Demucs-v2 by name.

    For systems of converted networks, `checkpoints` has the sha256 of the original checkpoints by
    system and role; UNKNOWN where none was published.
    """

    tables: tuple[Table, ...]
    released: Mapping[str, Mapping[str, str]]
    demucs: Mapping[str, ReleasedDemucs]
    checkpoints: Mapping[str, Mapping[str, str]]


def read_published(path: Path = PATH) -> Published:
    """Read the published numbers; raises ConfigError for an unknown key or a wrong type."""
    content = read_mapping(path)
    tables = []
    for values in content["tables"]:
        where = f"{path}: {values['title']}"
        for row in values["rows"]:
            if "recipe" in row:
                row["recipe"] = build(Recipe, row["recipe"], f"{where}: {row['name']}")
        rows = tuple(build(Row, row, f"{where}: {row['name']}") for row in values["rows"])
        table = build(Table, {**values, "rows": rows}, where)
        if table.metric not in METRICS:
            raise ConfigError(where, got=f"metric '{table.metric}'", expected=f"{list(METRICS)}")
        tables.append(table)
    demucs = {
        name: _read_demucs(values, f"{path}: {name}") for name, values in content["demucs"].items()
    }
    return Published(tuple(tables), content["released"], demucs, content["checkpoints"])


def _read_demucs(values: dict[str, Any], where: str) -> ReleasedDemucs:
    file = {key: value for key, value in values.items() if key == "checkpoint"}
    run = {key: value for key, value in values.items() if key not in file}
    return build(ReleasedDemucs, {**file, "run": build(DemucsRun, run, where)}, where)
