"""Tables of a report in Markdown."""

from evaluator.tables import decibels, machine_table, timing_lines
from mdx.systems.spec import SOURCES
from tests.evaluator.page_report import SYSTEMS, make_report

FAR = {
    "host": "far", "worker": "tcp://far:1", "cpu": "another CPU", "cpus": 64, "threads": 2,
    "seconds": 9.0,
}  # fmt: skip


def test_songs_of_a_machine_are_counted_once_however_often_they_ran() -> None:
    report = make_report()  # three songs of each of two systems, run twice in 1.0 s and 1.2 s
    for song in report["timing"]["systems"][1]["songs"]:
        song["machine"] = FAR
    rows = [
        [cell.strip() for cell in line.split("|")[1:-1]]
        for line in machine_table(report).splitlines()[2:]
    ]
    assert rows == [
        ["far", "tcp://far:1", "another CPU", "3", "6.6"], ["this machine", "-", "-", "3", "6.6"],
    ]  # fmt: skip


def test_times_are_those_of_the_machine_that_separated() -> None:
    report = make_report()
    assert timing_lines(report, SYSTEMS[0])[0].startswith("a CPU, 2 of 2 CPUs a song")
    for song in report["timing"]["systems"][0]["songs"]:
        song["machine"] = FAR
    assert timing_lines(report, SYSTEMS[0])[0].startswith("another CPU, 2 of 64 CPUs a song")


def test_a_score_just_below_zero_has_no_sign() -> None:
    # As with random weights, in every row.
    values = {"song": -0.004, **dict.fromkeys(SOURCES, 0.0), "bass": -0.006, "vocals": None}
    assert decibels(values) == ["0.00", "-0.01", "0.00", "0.00", "-"]
