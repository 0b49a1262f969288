"""quality.json, in which a submission reports the quality levels of a song."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mdx.errors import ConfigError


@dataclass(frozen=True)
class Level:
    """One quality level of a system's ladder."""

    index: int  # in the ladder; 0 is the best
    precision: str
    estimators: tuple[str, ...]  # by name
    sources: tuple[str, ...]  # that an estimator makes
    mixer: bool
    both_polarities: bool  # polarity averaging: twice the work
    label: str  # for display

    @property
    def makes(self) -> "Level":
        """The level without index, label and polarity averaging, to compare what levels make."""
        return replace(self, index=0, both_polarities=False, label="")


@dataclass(frozen=True)
class Quality:
    """What a song was separated with."""

    ladder: tuple[Level, ...] = ()  # the best first
    used: tuple[Level, ...] = ()  # in order of time; empty if the submission reports none
    degraded: bool = False  # whether any part of the song had less than the whole system

    @property
    def labels(self) -> list[str]:
        """The labels of the levels that were used."""
        return [level.label for level in self.used]

    @property
    def both_polarities(self) -> bool:
        """Whether polarity averaging was used anywhere in the song."""
        return any(level.both_polarities for level in self.used)


def read_quality(path: Path) -> Quality:
    """Read what a song was separated with; an empty Quality if there is no such file.

    Raises ConfigError for a file of another layout.
    """
    if not path.exists():
        return Quality()
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        levels = _levels(content)
        used = tuple(levels[decision["index"]] for decision in content["decisions"])
        degraded = any(level.makes != levels[0].makes for level in used)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise ConfigError(
            path, got=f"{type(error).__name__}: {error}",
            expected="levels, and decisions that name them by their index",
        ) from error  # fmt: skip
    return Quality(tuple(levels[index] for index in sorted(levels)), used, degraded)


def _levels(content: dict[str, Any]) -> dict[int, Level]:
    levels = [
        Level(
            index=level["index"],
            precision=level["precision"],
            estimators=tuple(level["estimators"]),
            sources=tuple(level["sources"]),
            mixer=level["mixer"],
            both_polarities=level["both_polarities"],
            label=level["label"],
        )
        for level in content["levels"]
    ]
    return {level.index: level for level in levels}
