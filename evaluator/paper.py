"""Does a run still match the paper? Only what can be compared is, and what cannot says so."""

from typing import Any

from evaluator.published import Published, Row, Table
from evaluator.scores import METRICS
from evaluator.systems import MIXER, System
from evaluator.test_sets import TestSet
from mdx.spec import SOURCES

# Two evaluations of the same stems differ by up to 0.13 dB where one is of MUSDB18 and the other of
# MUSDB18-HQ (published.yaml); on the same files, runtimes and PCM_16 move a median far less.
TOLERANCE = 0.1  # dB, for every source

SQUEEZED, TWICE = "squeezed by the limit", "both polarities"  # marks of other stems than usual
REPRODUCED, OUTSIDE, NOT_COMPARABLE = "reproduced", "outside", "not comparable"


def check_paper(
    test_set: TestSet, systems: list[System], entries: list[dict[str, Any]], published: Published
) -> dict[str, Any]:
    """Hold a run against every published row that can be repeated.

    A row is reproduced or outside only where a system of the run is made of the released files,
    was run on all songs of the row's test set, and has a score for each; else it is not comparable,
    with the reason. `relations` tells whether a Mixer and a companion helped.
    """
    means = {entry["system"]: entry for entry in entries}
    rows = [
        {"table": table.title, "test_set": table.test_set, "row": row.name,
         "superseded": row.superseded,
         **_check_row(table, row, test_set, systems, means, published)}
        for table in published.tables for row in table.rows if row.recipe
    ]  # fmt: skip
    return {"tolerance": TOLERANCE, "rows": rows, "relations": _check_mixers(systems, means)}


def outside(check: dict[str, Any]) -> int:
    """How many rows that still stand are contradicted by the run."""
    return sum(row["status"] == OUTSIDE and not row["superseded"] for row in check["rows"])


def _check_row(
    table: Table, row: Row, test_set: TestSet, systems: list[System],
    means: dict[str, dict[str, Any]], published: Published,
) -> dict[str, Any]:  # fmt: skip
    made = [system for system in systems if _is_made_by(system, row, published)]
    if not made:
        return _not_comparable("other weights")
    entry = means[made[0].name]
    if table.test_set != test_set.name or not test_set.whole:
        return _not_comparable("other test set")
    if not entry["mean"] or entry["mean"]["songs"] < len(test_set.songs):
        return _not_comparable("songs are missing")
    if _is_unusual(entry):
        return _not_comparable("; ".join(entry["marks"]))
    found = entry["mean"][table.metric]
    values = {
        source: {"published": row.values[source], "found": found[source]} for source in SOURCES
    }
    within = all(
        pair["found"] is not None and abs(pair["found"] - pair["published"]) <= TOLERANCE
        for pair in values.values()
    )
    status = REPRODUCED if within else OUTSIDE
    return {"status": status, "reason": None, "system": made[0].name, "values": values}


def _not_comparable(reason: str) -> dict[str, Any]:
    return {"status": NOT_COMPARABLE, "reason": reason, "system": None, "values": None}


def _is_made_by(system: System, row: Row, published: Published) -> bool:
    assert row.recipe
    if row.recipe.companion is not None:  # no system can hold one yet
        return False
    files = dict(published.released[row.recipe.weights])
    if not row.recipe.mixer:
        del files[MIXER]
    return system.weights == files


def _is_unusual(entry: dict[str, Any]) -> bool:
    return any(word in mark for mark in entry["marks"] for word in (SQUEEZED, TWICE))


def _check_mixers(systems: list[System], means: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    relations = []
    for mixed in systems:
        bare = {role: sha for role, sha in mixed.weights.items() if role != MIXER}
        for single in systems:
            if single.weights != bare or MIXER not in mixed.weights:
                continue
            if _is_unusual(means[mixed.name]) or _is_unusual(means[single.name]):
                continue
            for metric in METRICS:
                with_mixer, without = (
                    (means[system.name]["mean"] or {}).get(metric, {}).get("song")
                    for system in (mixed, single)
                )
                if with_mixer is None or without is None:
                    continue
                relations.append(
                    {"relation": "with Mixer >= without", "metric": metric,
                     "better": mixed.name, "base": single.name,
                     "difference": round(with_mixer - without, 6),
                     "holds": with_mixer >= without}
                )  # fmt: skip
    return relations
