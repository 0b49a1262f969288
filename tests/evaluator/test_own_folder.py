"""A folder of results has one run at a time, whose stems are those of one system and one code."""

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from evaluator.evaluation import make_jobs
from evaluator.jobs import Options, SystemJob, do_song
from evaluator.records import json_name
from evaluator.run import LOCK
from evaluator.stop import Stop
from evaluator.systems import read_systems
from evaluator.test_sets import find_test_set
from mdx.locks import lock
from tests.evaluator.runs import evaluate


def test_a_second_run_is_refused(
    test_set: Path, tiny_system: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    with (out / LOCK).open("ab") as file:
        lock(file)
        assert evaluate(test_set, tiny_system, out) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: --out: got '") and "to which another run is writing" in line
    assert [path.name for path in out.iterdir()] == [LOCK]


def test_what_a_killed_run_was_writing_is_removed(
    test_set: Path, tiny_system: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    draft = f".{'0' * 16}.part"
    (out / "songs" / draft).mkdir(parents=True)
    (out / "songs" / draft / "mixture.wav").touch()
    (out / "records" / "tiny").mkdir(parents=True)
    (out / "records" / "tiny" / draft).touch()
    (out / "notes.part").touch()  # not ours
    assert evaluate(test_set, tiny_system, out) == 0
    assert [path.name for path in out.rglob("*.part")] == ["notes.part"]


def test_a_system_that_changes_during_a_run_costs_its_songs(
    test_set: Path, tiny_copy: Path, tmp_path: Path
) -> None:
    stop = Stop.inside(tmp_path)
    found = find_test_set(test_set, tmp_path / "songs")
    systems = read_systems([str(tiny_copy)])
    jobs = make_jobs(found, systems, [], tmp_path / "out", Options(), stop)
    first, second = (job for job in jobs if isinstance(job, SystemJob))
    assert do_song(first)["error"] is None
    spec = yaml.safe_load(tiny_copy.read_text())
    one = spec["estimators"][0]
    one["overlap"] = 0.5
    tiny_copy.write_text(yaml.safe_dump(spec))
    record = do_song(second)
    assert "a system or code that changed meanwhile" in record["error"]
    assert record["scores"] is record["separation"] is None
    del one["overlap"]
    tiny_copy.write_text(yaml.safe_dump(spec))
    other_code = replace(second, separation_code="another")
    assert "that changed meanwhile" in do_song(other_code)["error"]


def test_names_that_leave_no_room_have_records(tmp_path: Path) -> None:
    assert json_name("a song") == "a song.json"
    long = ["絆" * 84, "絆" * 83 + "音a", "x" * 255, "x" * 254 + "y"]
    names = [json_name(name) for name in long]
    assert len(set(names)) == len(long)
    for name in names:
        assert len(os.fsencode(name)) <= 255
        (tmp_path / name).write_text(json.dumps({}))
