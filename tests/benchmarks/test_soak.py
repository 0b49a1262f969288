"""A soak continues after an interruption, and detects failures."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.soak.__main__ import main
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
from benchmarks.soak.record import Count, count, lines_of, recorded
from evaluator.children import processes_of
from evaluator.records import write_record
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
    return Whole(command, folder, 0.5, 0.5, stems_in(folder), {})


def test_a_journal_continues_after_an_incomplete_line(tmp_path: Path) -> None:
    Journal(tmp_path, "late").add({"number": 0, "bad": False})
    with (tmp_path / "late.jsonl").open("a") as file:
        file.write('{"number": 1, "ba')
    journal = Journal(tmp_path, "late")
    journal.add({"number": 1, "bad": True})
    assert [row["number"] for row in journal.rows()] == [0, 1]
    assert count(journal.rows()) == Count(numbers=2, trials=2, bad=1)


def test_only_kills_that_came_in_time_count(tmp_path: Path) -> None:
    journal = Journal(tmp_path, "separate")
    for killed, bad in [(True, False), (False, False), (True, True), (False, True)]:
        journal.add({"killed": killed, "bad": bad})
    assert count(journal.rows()) == Count(numbers=4, trials=2, bad=2)


def soak(monkeypatch: pytest.MonkeyPatch, folder: Path, *args: object) -> int:
    """Run the command with a record of its own."""
    words = ["soak", *args, "--out", folder / "out", "--history", folder / "record.jsonl"]
    monkeypatch.setattr(sys, "argv", [str(word) for word in words])
    return main()


@pytest.fixture
def quick_trials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trials of which every other one counts, and the sixth goes wrong."""

    def trial_of(*_: object) -> object:
        return lambda number: {"number": number, "killed": number % 2 == 1, "bad": number == 5}

    monkeypatch.setattr("benchmarks.soak.__main__.trial_of", trial_of)


@pytest.mark.usefixtures("quick_trials")
def test_trials_go_on_until_enough_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, test_set: Path
) -> None:
    page = tmp_path / "page.md"
    page.write_text("<!-- soak: begin --><!-- soak: end -->")
    args = ["separate", "--trials", 2, "--songs", test_set, "--page", page]
    assert soak(monkeypatch, tmp_path, *args) == 0
    rows = Journal(tmp_path / "out", "separate").rows()
    assert [row["number"] for row in rows] == list(range(4))
    assert all("commit" in row for row in rows)
    assert soak(monkeypatch, tmp_path, *args) == 0
    assert Journal(tmp_path / "out", "separate").rows() == rows
    assert "|      2 |          0 |" in page.read_text()


@pytest.mark.usefixtures("quick_trials")
def test_recorded_trials_count_and_are_not_tried_again(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    test_set: Path,
) -> None:
    path = tmp_path / "record.jsonl"
    songs = ["--songs", test_set]
    assert soak(monkeypatch, tmp_path, "separate", "--trials", 2, "--record", *songs) == 0
    assert Journal(tmp_path / "out", "separate").rows() == []
    assert recorded(path, "separate", "demo") == Count(numbers=4, trials=2, bad=0)
    assert recorded(path, "separate", "synthetic") == recorded(path, "late", "demo") == Count()
    assert soak(monkeypatch, tmp_path, "separate", "--trials", 4, *songs) == 1
    assert [row["number"] for row in Journal(tmp_path / "out", "separate").rows()] == [4, 5, 6, 7]
    assert soak(monkeypatch, tmp_path, "--record", *songs) == 1  # one has gone wrong
    assert "|      4 |          1 |" in capsys.readouterr().out
    assert [line["numbers"] for line in lines_of(path)] == [4, 4]
    assert [row["number"] for row in lines_of(path)[1]["went wrong"]] == [5]


def test_trials_of_another_system_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert soak(monkeypatch, tmp_path, "late", "--trials", 0) == 0
    for other in (["late", "--trials", 0], ["--record"]):
        assert soak(monkeypatch, tmp_path, *other, "--system", "synthetic") == 1
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
    whole = Whole([], tmp_path, 4.0, 9.0, {}, scores_in(tmp_path))
    seconds = prepare(whole, rng, fresh=False)
    left = {path.stem for path in scores_in(tmp_path)}
    assert left == {path.parent.name for path in stems_in(tmp_path)} and len(left) < 3
    assert seconds == 3 - len(left) + 1
    assert prepare(whole, rng, fresh=True) == 9.0 and not tmp_path.exists()
