"""Our run beside published numbers: tables of one test set and one metric each."""

from collections.abc import Iterable
from typing import Any

from evaluator.published import Published, Row, Table
from evaluator.scores import BASELINE, METRICS
from evaluator.test_sets import TestSet


def make_tables(
    test_set: TestSet, entries: list[dict[str, Any]], published: Published
) -> list[dict[str, Any]]:
    """The tables of a report, from the systems' entries in it.

    First this run, in one table per metric, together with the published rows on the same test set;
    then all other published tables, for orientation only.
    """
    tables = []
    for metric in METRICS:
        ours = [_our_row(entry, metric) for entry in entries if entry["mean"]]
        same = [table for table in published.tables if _comparable(table, test_set, metric)]
        if ours:
            rows = ours + [_row(row) for table in same for row in table.rows]
            tables.append(_table("This run", test_set.description, metric, rows))
    for table in published.tables:
        if not _comparable(table, test_set, table.metric):
            rows = [_row(row) for row in table.rows]
            other = _table(table.title, table.test_set, table.metric, rows)
            tables.append({**other, "board": table.board, "comparable": False})
    return tables


def _comparable(table: Table, test_set: TestSet, metric: str) -> bool:
    # Of the published test sets only MUSDB18's is recognised; other names are those of folders.
    known = test_set.is_musdb18_test and test_set.whole
    return known and (table.test_set, table.metric) == (test_set.name, metric)


def _table(
    title: str, test_set: str, metric: str, rows: Iterable[dict[str, Any]]
) -> dict[str, Any]:
    return {
        "title": title,
        "test_set": test_set,
        "metric": metric,
        "board": None,
        "comparable": True,
        "rows": list(rows),
    }


def _our_row(entry: dict[str, Any], metric: str) -> dict[str, Any]:
    marks = list(entry["marks"])
    if entry["system"] != BASELINE:
        board = entry["leaderboard"]
        marks.insert(0, "no leaderboard" if board == "none" else f"leaderboard {board}")
    missing = len(entry["songs"]) - entry["mean"]["songs"]
    if missing:
        marks.append(f"{missing} of {len(entry['songs'])} songs missing")
    return {
        "name": entry["system"],
        "ours": True,
        "marks": marks,
        "source": None,
        "values": entry["mean"][metric],
    }


def _row(row: Row) -> dict[str, Any]:
    marks = ["superseded"] if row.superseded else []
    return {
        "name": row.name, "ours": False, "marks": marks, "source": row.source, "values": row.values,
    }  # fmt: skip
