"""The record of a song in an entry of the report: a JSON file, from which a run can continue."""

import json
import os
from pathlib import Path
from typing import Any

from evaluator.fingerprints import hash_facts
from evaluator.json_files import write_json

VERSION = 4  # increment it whenever the meaning of a key changes
LONGEST = 255 - len(".01234567.json")  # bytes of a song's name in the name of a file

Record = dict[str, Any]  # separation (key, stems, runs, machine), scores, error


def json_name(song: str) -> str:
    """The name of a song's JSON file; a folder's name may leave no room for the suffix."""
    name = song
    while len(os.fsencode(name)) > LONGEST:
        name = name[:-1]
    return f"{song}.json" if name == song else f"{name}.{hash_facts(song)[:8]}.json"


def read_record(path: Path) -> Record:
    """Read a record; an empty one if there is none, or none of this version."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    ours = isinstance(record, dict) and record.get("version") == VERSION
    return record if ours else {}  # the song is done again


def write_record(
    path: Path, separation: Record | None, scores: Record | None, error: str | None
) -> Record:
    """Write a record; returns it. Raises OutputError."""
    record = {"version": VERSION, "separation": separation, "scores": scores, "error": error}
    write_json(path, record)
    return record
