"""The history compares only with the latest run on the same kind of machine."""

import json
from pathlib import Path

import pytest

from benchmarks import history
from benchmarks.history import history_table, recorded


def row(cpu: str, commit: str, value: float) -> dict[str, object]:
    return {"machine": {"cpu": cpu, "cpus": 2}, "commit": commit, "figures": {"time": value}}


def test_the_latest_run_of_the_same_machine_counts(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    assert recorded(path, {"cpu": "a", "cpus": 2}) is None
    rows = [row("a", "one", 1.0), row("a", "two", 2.0), row("b", "three", 3.0)]
    path.write_text("".join(json.dumps(one) + "\n" for one in rows))
    found = recorded(path, {"cpu": "a", "cpus": 2})
    assert found == rows[1]
    table = history_table({"time": 3.0, "new": 1.0}, found)
    assert "over that of two" in table and "1.50" in table
    assert recorded(path, {"cpu": "a", "cpus": 4}) is None
    assert "no run on this CPU" in history_table({"time": 3.0}, None)


def test_only_record_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "history.jsonl"
    monkeypatch.setattr(history, "measure", lambda runs: {"time": float(runs)})
    for options, lines in (([], 0), (["--record"], 1), (["--record"], 2)):
        monkeypatch.setattr("sys.argv", ["x", "--history", str(path), "--runs", "7", *options])
        history.main()
        assert (len(path.read_text().splitlines()) if path.exists() else 0) == lines
    assert json.loads(path.read_text().splitlines()[-1])["figures"] == {"time": 7.0}
