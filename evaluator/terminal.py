"""What an evaluation prints: every entry's songs, the tables, and where the results are."""

import argparse
import sys
from typing import Any

from evaluator.audit import audit_table
from evaluator.tables import (
    TITLES,
    board_table,
    limit_words,
    machine_table,
    paper_tables,
    relation_lines,
    song_table,
    stage_table,
    timing_lines,
    verdict_line,
)


def print_report(report: dict[str, Any], args: argparse.Namespace) -> None:
    """Print a report as the options of its run ask for it."""
    limits = {entry["system"]: entry["limit"] for entry in report["timing"]["systems"]}
    for entry in report["systems"]:
        marks = "".join(f" ({mark})" for mark in entry["marks"])
        limit = limit_words(limits[entry["system"]])
        print(f"\n{entry['system']}{marks}: global SDR in dB; {limit}")
        print(song_table(report, entry["system"]))
        if args.timing and limits[entry["system"]]:
            print("\nSeconds by stage, and MB of memory at the peak:")
            print(stage_table(report, entry["system"]))
            print("\n".join(timing_lines(report, entry["system"])))
    if args.cluster:
        print("\nSongs by machine:")
        print(machine_table(report))
    for table in report["tables"]:
        boards = {entry["leaderboard"] for entry in report["systems"]}
        if table["comparable"]:
            print(f"\n{TITLES[table['metric']]}. {table['test_set']}:")
            print(board_table(table))
        elif table["board"] in boards:
            print(f"\nFor orientation, not comparable: {table['title']}, {table['test_set']}:")
            print(board_table(table))
    if report["timing"]["audit"]:
        print("\nThe time limit, on machines that are slower, smaller or disturbed:")
        print(audit_table(report["timing"]["audit"]))
    if args.check == "paper":
        tolerance = report["paper"]["tolerance"]
        print(f"\nPublished -> found in dB; reproduced: every source within {tolerance} dB.")
        print(paper_tables(report["paper"]))
        print(verdict_line(report["paper"]))
        print("\n".join(relation_lines(report["paper"])))
    for entry in report["systems"]:
        for warning in entry["warnings"]:
            print(f"warning: {warning}", file=sys.stderr)
    print(f"\nStems: {args.out / 'stems'}   Report: {args.out / 'report.json'}")
    if any(entry["mean"] for entry in report["systems"]):
        print(f"Framewise scores, as museval reads them: {args.out / 'scores'}/<system>")
