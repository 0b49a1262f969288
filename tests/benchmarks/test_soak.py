"""A soak continues after an interruption, and detects failures."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.soak.__main__ import KINDS, main, soak_table
from benchmarks.soak.journal import Journal
from benchmarks.soak.kills import (
    STEMS,
    TRIAL,
    Whole,
    compare,
    left_behind,
    left_running,
    prepare,
    run_and_kill,
    scores_in,
    stems_in,
    try_kill,
)
from benchmarks.soak.late import draw, is_bad, try_limit
from evaluator.children import Children, processes_of
from evaluator.records import write_record
from evaluator.replay import Separation, Submission
from evaluator.test_sets import find_test_set
from mdx.audio.drafts import draft_path
from mdx.cli.environment import MARK
from mdx.files import replacing

# A stand-in for a separation that writes four stems one by one under their final names, which ours
# never does, or first under other names and then renames them together.
WRITER = """
import sys, time, pathlib
folder, careful = pathlib.Path(sys.argv[1]) / "song", sys.argv[2] == "careful"
folder.mkdir(parents=True, exist_ok=True)
for name in sys.argv[3:]:
    (folder / (f".{name}.12345678.part" if careful else name)).write_text("stem")
    time.sleep(0.1)
if careful:
    for name in sys.argv[3:]:
        (folder / f".{name}.12345678.part").replace(folder / name)
"""


def whole_of(folder: Path, how: str) -> Whole:
    command = [sys.executable, "-c", WRITER, str(folder), how, *STEMS]
    subprocess.run(command, check=True)
    return Whole(command, folder, 0.5, stems_in(folder), {})


def test_a_journal_continues_after_an_incomplete_line(tmp_path: Path) -> None:
    Journal(tmp_path, "late").add({"number": 0, "bad": False})
    with (tmp_path / "late.jsonl").open("a") as file:
        file.write('{"number": 1, "ba')
    journal = Journal(tmp_path, "late")
    journal.add({"number": 1, "bad": True})
    assert [row["number"] for row in journal.rows()] == [0, 1]
    journals = {kind: Journal(tmp_path, kind) for kind in KINDS}
    line = soak_table(journals).splitlines()[2]
    assert [cell.strip() for cell in line.split("|")][2:4] == ["2", "1"]


def test_only_kills_that_came_in_time_count(tmp_path: Path) -> None:
    journal = Journal(tmp_path, "separate")
    for killed, bad in [(True, False), (False, False), (True, True), (False, True)]:
        journal.add({"killed": killed, "bad": bad})
    line = soak_table({kind: Journal(tmp_path, kind) for kind in KINDS}).splitlines()[3]
    assert [cell.strip() for cell in line.split("|")][2:4] == ["2", "2"]


def test_trials_go_on_until_enough_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, test_set: Path
) -> None:
    def kinds_trial(*_: object) -> object:
        return lambda number: {"number": number, "killed": number % 2 == 1, "bad": False}

    monkeypatch.setattr("benchmarks.soak.__main__.trial_of", kinds_trial)
    page = tmp_path / "page.md"
    page.write_text("<!-- soak: begin --><!-- soak: end -->")
    monkeypatch.setattr(sys, "argv", [
        "soak", "separate", "--trials", "3", "--songs", str(test_set), "--out", str(tmp_path),
        "--page", str(page),
    ])  # fmt: skip
    assert main() == 0
    rows = Journal(tmp_path, "separate").rows()
    assert [row["number"] for row in rows] == list(range(6))
    assert all("commit" in row for row in rows)
    assert main() == 0 and Journal(tmp_path, "separate").rows() == rows
    assert "|      3 |          0 |" in page.read_text()


def test_trials_of_another_system_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["soak", "late", "--trials", "0", "--out", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", command)
    assert main() == 0
    monkeypatch.setattr(sys, "argv", [*command, "--system", "synthetic"])
    assert main() == 1
    assert "'system': 'demo'" in capsys.readouterr().err


def test_half_written_lost_and_other_stems_are_seen(tmp_path: Path) -> None:
    whole = whole_of(tmp_path, "careful")
    assert len(whole.stems) == 4 and compare(whole, (set(whole.stems), set())) == []
    (tmp_path / "song" / "bass.wav").write_text("half")
    (tmp_path / "song" / "drums.wav").unlink()
    problems = " ".join(compare(whole, (set(whole.stems), set())))
    assert "song/bass.wav is another one" in problems
    assert "song/drums.wav is lost" in problems and "lacks ['drums.wav']" in problems


def test_a_command_that_writes_stems_one_by_one_is_found_out(tmp_path: Path) -> None:
    careless, careful = (whole_of(tmp_path / how, how) for how in ("careless", "careful"))
    rows = [try_kill(4 * number, careless) for number in range(4)]
    assert any("lacks" in problem for row in rows for problem in row["problems"])
    rows = [try_kill(4 * number, careful) for number in range(4)]
    assert any(row["killed"] for row in rows) and not any(row["bad"] for row in rows)


def test_processes_that_survive_the_kill_are_found(tmp_path: Path) -> None:
    # Even one that the evaluator has marked as its own child.
    child = (
        "import os, subprocess, time; "
        f"subprocess.Popen(['sleep', '30'], env={{**os.environ, '{MARK}': 'another'}}); "
        "time.sleep(30)"
    )
    assert run_and_kill([sys.executable, "-c", child], 1.0, "a-soak-test", dict(os.environ))
    (orphan,) = left_running("a-soak-test")
    subprocess.run(["kill", str(orphan)], check=True)
    while processes_of("a-soak-test", TRIAL):
        pass


def test_what_killed_processes_leave_is_seen(tmp_path: Path) -> None:
    (tmp_path / "song").mkdir()
    draft = draft_path(tmp_path / "song" / "bass.wav")
    draft.touch()
    with replacing(tmp_path / "record.json") as other:
        other.touch()
        assert set(left_behind(tmp_path)) == {draft.name, other.name}


@pytest.mark.parametrize("seed", range(10))
def test_some_replayed_songs_are_done_again(tmp_path: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    for song in "abc":
        write_record(tmp_path / "records" / "demo" / f"{song}.json", None, {"song": 1}, None)
        folder = tmp_path / "stems" / "demo" / song
        folder.mkdir(parents=True)
        (folder / "bass.wav").touch()
    whole = Whole([], tmp_path, 1.0, {}, scores_in(tmp_path))
    share = prepare(whole, rng, fresh=False)
    left = {path.stem for path in scores_in(tmp_path)}
    assert left == {path.parent.name for path in stems_in(tmp_path)} and len(left) < 3
    assert share == (3 - len(left) + 1) / 4
    assert prepare(whole, rng, fresh=True) == 1.0 and not tmp_path.exists()


@pytest.mark.parametrize(
    ("row", "bad"),
    [
        ({"error": None, "share": 0.9, "machine": "slower"}, False),
        ({"error": None, "share": 1.1, "machine": "slower"}, True),
        ({"error": "Memory: got more than 5 s in phase 'song'", "machine": "capped memory"}, True),
        ({"error": "a: got failed to allocate memory", "machine": "capped memory"}, False),
        ({"error": "a: got failed to allocate memory", "machine": "busy"}, True),
    ],
)
def test_what_counts_as_late_or_invalid(row: dict[str, object], bad: bool) -> None:
    assert is_bad(row) == bad


def test_invalid_stems_are_a_trial_that_went_wrong(
    test_set: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    songs = list(find_test_set(test_set, tmp_path).songs)

    def separate(submission: Submission, song: Path, results: Path, _: Children) -> Separation:
        shutil.copytree(song, results / song.name)
        (results / song.name / "bass.wav").write_bytes(b"no audio")
        return Separation(
            0.1, 0.1, {}, None, None, None, None, 9.0, ["float32"], degraded=False,
            both_polarities=False,
        )  # fmt: skip

    monkeypatch.setattr("benchmarks.limit.separate_song", separate)
    row = try_limit(0, system="demo", songs=songs, out=tmp_path / "out")
    assert row["bad"] and "bass.wav: got no readable file" in row["error"]


def test_machines_are_drawn_by_number() -> None:
    drawn = [draw(np.random.default_rng(number), 20.0)[:2] for number in (3, 3, 4)]
    assert drawn[0] == drawn[1] != drawn[2]
    kinds = {draw(np.random.default_rng(number), 20.0)[1] for number in range(60)}
    assert len(kinds) == 6
