"""The numbers of others: published.yaml, read into tables of one test set and one metric each."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from evaluator.scores import COLUMNS, METRICS
from mdx.errors import ConfigError
from mdx.systems.mappings import build, read_mapping
from mdx.systems.spec import SystemSpec

PATH = Path(__file__).with_name("published.yaml")


@dataclass(frozen=True)
class Recipe:
    """What a system must be made of for a published row to be its own."""

    weights: str | None  # a set of released files; None: no separators
    mixer: bool
    companion: str | None  # a released one, as it was run
    differs: str | None = None  # why these files need not come to the row's numbers, in words


@dataclass(frozen=True)
class Companion:
    """A released companion, and how it was run."""

    checkpoint: str  # the first digits of its sha256
    segment: float
    overlap: float
    normalise: str
    shifts: int = 0
    blend: Mapping[str, float] | None = None  # None: by itself

    def is_run_by(self, spec: SystemSpec) -> bool:
        """Whether a system runs its companion like that, whatever its weights."""
        run = next((part.options for part in spec.estimators if part.kind == "waveform"), None)
        blend = next((step.options for step in spec.combine if step.kind == "blend"), {})
        return run is not None and (
            (run.get("segment"), run.get("overlap"), run.get("normalise"), run.get("shifts", 0))
            == (self.segment, self.overlap, self.normalise, self.shifts)
            and blend.get("shares") == self.blend
        )


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
    """All of it: tables, the sha256 of released files by set and role, and companions by name."""

    tables: tuple[Table, ...]
    released: Mapping[str, Mapping[str, str]]
    companions: Mapping[str, Companion]


def read_published(path: Path = PATH) -> Published:
    """Read the published numbers; raises ConfigError for a key or a type that is not known."""
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
    companions = {
        name: build(Companion, values, f"{path}: {name}")
        for name, values in content["companions"].items()
    }
    return Published(tuple(tables), content["released"], companions)
