"""Published numbers next to our run, the paper check, and the claims of a system."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from evaluator.leaderboards import make_tables
from evaluator.paper import check_paper, outside
from evaluator.published import PATH, Published, read_published
from evaluator.scores import COLUMNS, METRICS
from evaluator.systems import System, read_systems
from evaluator.tables import board_table, paper_tables, relation_lines, verdict_line
from evaluator.test_sets import TestSet
from mdx.errors import ConfigError
from mdx.systems.find import find_system
from mdx.systems.spec import MUSDB18_TEST, MUSDB18_TRAIN, SOURCES
from tests.evaluator.entries import MUSDB18, SONGS, make_entry, make_system

PAPER = {"bass": 7.33, "drums": 7.07, "other": 5.81, "vocals": 8.91}  # v2 + Mixer, final text
DRAFT = {"bass": 7.38, "drums": 7.09, "other": 6.29, "vocals": 8.88}


@pytest.fixture(scope="module")
def published() -> Published:
    return read_published()


def check(
    published: Published, values: dict[str, float], *, test_set: TestSet = MUSDB18,
    songs: int = 50,
) -> dict[str, Any]:  # fmt: skip
    system = make_system("ours", published)
    return check_paper(test_set, [system], [make_entry("ours", values, songs)], published)


def verdicts(result: dict[str, Any]) -> dict[str, str]:
    return {row["row"]: row["status"] for row in result["rows"] if row["test_set"] == MUSDB18.name}


def test_every_published_number_names_its_source_and_is_plausible(published: Published) -> None:
    for table in published.tables:
        assert table.metric in METRICS and table.test_set
        for row in table.rows:
            assert row.source
            known = [value for source in SOURCES if (value := row.values[source]) is not None]
            assert all(2 < value < 13 for value in known)
            if row.song is not None and len(known) == 4:
                assert row.song == pytest.approx(sum(known) / 4, abs=0.011), row.name  # rounding


def test_the_paper_s_own_rows_are_there(published: Published) -> None:
    rows = {row.name: row for table in published.tables for row in table.rows}
    assert [rows["TFC-TDF-U-Net v2 + Mixer"].values[s] for s in SOURCES] == list(PAPER.values())
    assert [rows["KUIELab-MDX-Net (draft)"].values[s] for s in SOURCES] == list(DRAFT.values())
    assert rows["kuielab (KUIELab-MDX-Net)"].song == 7.37  # leaderboard B, the last of its rows


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"metric": "nsdr"}, "got metric 'nsdr'"),
        ({"rows": [{"name": "x", "source": "y", "bas": 1.0}]}, "unknown key 'bas'"),
        ({"rows": [{"name": "x", "bass": 1.0}]}, "source"),
    ],
)
def test_an_error_in_the_published_numbers_is_found(
    tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    content = yaml.safe_load(PATH.read_text())
    content["tables"][0] |= change
    (tmp_path / "p.yaml").write_text(yaml.safe_dump(content))
    with pytest.raises(ConfigError, match=message):
        read_published(tmp_path / "p.yaml")


@pytest.mark.parametrize(
    "name", ["MUSDB18 test", "MUSDB18-HQ test", "demo songs", "mine", "MDXDB21"]
)
@pytest.mark.parametrize("whole", [True, False])
def test_no_table_mixes_test_sets_or_metrics(published: Published, name: str, whole: bool) -> None:
    test_set = TestSet(name, SONGS, whole)
    tables = make_tables(test_set, [make_entry("ours", PAPER)], published)
    where = {
        (row.name, tuple(row.values.values())): (table.test_set, table.metric)
        for table in published.tables
        for row in table.rows
    }
    for table in tables:
        for row in table["rows"]:
            if row["ours"]:
                assert table["comparable"] and table["test_set"] == test_set.description
            else:
                origin = where[row["name"], tuple(row["values"][c] for c in COLUMNS)]
                here = name if table["comparable"] and whole else table["test_set"]
                assert origin == (here, table["metric"])
    beside = [row for table in tables if table["comparable"] for row in table["rows"]]
    assert (len(beside) > 2) == (whole and name.startswith("MUSDB18"))
    # Whatever is not beside the run is shown for orientation: nothing is lost.
    count = sum(not row["ours"] for table in tables for row in table["rows"])
    assert count == sum(len(table.rows) for table in published.tables)


def test_the_challenge_s_rows_are_for_orientation_on_musdb18(published: Published) -> None:
    tables = make_tables(MUSDB18, [make_entry("ours", PAPER)], published)
    boards = {table["board"]: table for table in tables if table["board"]}
    assert set(boards) == {"A", "B"}
    for table in boards.values():
        assert table["test_set"] == "MDXDB21" and not table["comparable"]
    assert "7.24" in board_table(boards["A"])


def test_the_final_row_is_reproduced_and_the_draft_is_not(published: Published) -> None:
    result = check(published, PAPER)
    assert verdicts(result)["TFC-TDF-U-Net v2 + Mixer"] == "reproduced"
    assert verdicts(result)["KUIELab-MDX-Net (draft)"] == "outside"
    assert outside(result) == 0  # the draft is superseded
    for row in ("TFC-TDF-U-Net v2", "KUIELab-MDX-Net", "TFC-TDF-U-Net v2 + Demucs"):
        assert verdicts(result)[row] == "not comparable"
    table = paper_tables(result).splitlines()
    assert "7.33 -> 7.33" in "\n".join(table)
    assert table[2].endswith("- |") and ": | -" in table[2]  # words are to the left
    count = len(result["rows"])
    assert (
        verdict_line(result) == f"{count} rows: 1 reproduced, 1 outside, {count - 2} not comparable"
    )


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize(("difference", "status"), [(0.09, "reproduced"), (0.11, "outside")])
@pytest.mark.parametrize("sign", [1, -1])
def test_every_source_must_be_within_the_tolerance(
    published: Published, source: str, difference: float, status: str, sign: int
) -> None:
    result = check(published, PAPER | {source: PAPER[source] + sign * difference})
    assert verdicts(result)["TFC-TDF-U-Net v2 + Mixer"] == status
    assert outside(result) == (status == "outside")


@pytest.mark.parametrize(
    ("test_set", "songs", "reason"),
    [
        (TestSet("MUSDB18-HQ test", SONGS, whole=True), 50, "other test set"),
        (TestSet("demo songs", SONGS, whole=True), 50, "other test set"),
        (TestSet("MUSDB18 test", SONGS, whole=False), 50, "other test set"),
        (MUSDB18, 49, "songs are missing"),
        (MUSDB18, 0, "songs are missing"),
    ],
)
def test_what_cannot_be_compared_never_passes(
    published: Published, test_set: TestSet, songs: int, reason: str
) -> None:
    result = check(published, PAPER, test_set=test_set, songs=songs)
    row = next(row for row in result["rows"] if row["row"] == "TFC-TDF-U-Net v2 + Mixer")
    assert (row["status"], row["reason"]) == ("not comparable", reason)
    assert outside(result) == 0


@pytest.mark.parametrize("deviation", ["3 of 50 songs degraded by the limit", "polarity averaging"])
def test_runs_that_deviate_are_not_comparable(published: Published, deviation: str) -> None:
    systems = [make_system("mixed", published), make_system("bare", published, mixer=False)]
    entries = [
        make_entry("mixed", PAPER) | {"deviations": [deviation], "marks": ["int8", deviation]},
        make_entry("bare", PAPER),
    ]
    result = check_paper(MUSDB18, systems, entries, published)
    row = next(row for row in result["rows"] if row["row"] == "TFC-TDF-U-Net v2 + Mixer")
    assert (row["status"], row["reason"]) == ("not comparable", deviation)
    assert result["relations"] == []


@pytest.mark.parametrize("state", ["failed", "pending"])
def test_means_of_different_songs_make_no_relation(published: Published, state: str) -> None:
    systems = [make_system("mixed", published), make_system("bare", published, mixer=False)]
    entries = [make_entry("mixed", PAPER), make_entry("bare", PAPER)]
    assert len(check_paper(MUSDB18, systems, entries, published)["relations"]) == 2
    entries[1]["songs"] = [{}] * 49 + [{"state": state}]
    assert check_paper(MUSDB18, systems, entries, published)["relations"] == []


def test_other_weights_are_not_comparable_whatever_their_name(published: Published) -> None:
    system = make_system("ours", published)
    for role in system.weights:
        other = replace(system, weights=system.weights | {role: "0" * 64})
        result = check_paper(MUSDB18, [other], [make_entry("ours", PAPER)], published)
        reasons = {row["reason"] for row in result["rows"]}
        never = {row.unrepeatable for table in published.tables for row in table.rows}
        assert reasons == {"other weights", "other test set; other weights", *never} - {None}


@pytest.mark.parametrize(
    ("precision", "reason"),
    [("bf16", "computed in bf16"), ("auto", "precision left to the machine")],
)
def test_only_float32_is_the_released_computation(
    published: Published, precision: str, reason: str
) -> None:
    system = replace(make_system("ours", published), precision=precision)
    result = check_paper(MUSDB18, [system], [make_entry("ours", PAPER)], published)
    row = next(row for row in result["rows"] if row["row"] == "TFC-TDF-U-Net v2 + Mixer")
    assert (row["status"], row["reason"]) == ("not comparable", reason)
    exact = make_system("exact", published)  # beside it, another system is still compared
    entries = [make_entry(name, PAPER) for name in ("ours", "exact")]
    result = check_paper(MUSDB18, [system, exact], entries, published)
    row = next(row for row in result["rows"] if row["row"] == "TFC-TDF-U-Net v2 + Mixer")
    assert (row["status"], row["system"]) == ("reproduced", "exact")


def test_relations_hold_or_not_and_say_by_how_much(published: Published) -> None:
    systems = [make_system("mixed", published), make_system("bare", published, mixer=False)]
    worse = {source: value - 0.5 for source, value in PAPER.items()}
    for mixed, bare, holds in ((PAPER, worse, True), (worse, PAPER, False)):
        entries = [make_entry("mixed", mixed), make_entry("bare", bare)]
        result = check_paper(MUSDB18, systems, entries, published)
        assert [relation["holds"] for relation in result["relations"]] == [holds] * 2
        assert abs(result["relations"][0]["difference"]) == pytest.approx(0.5)
        assert ("does NOT hold" in relation_lines(result)[0]) == (not holds)
    alone = check_paper(MUSDB18, systems[:1], [make_entry("mixed", PAPER)], published)
    assert alone["relations"] == [] and "no such pair" in relation_lines(alone)[0]


@pytest.mark.parametrize("edition", [MUSDB18_TEST, "MUSDB18 test"])
def test_a_system_trained_on_the_test_set_is_marked_there_only(
    published: Published, edition: str
) -> None:
    system = make_system("ours", published)
    spec = replace(system.spec, leaderboard="B", training_data=(MUSDB18_TRAIN, edition))
    trained = replace(system, spec=spec)
    hq = TestSet("MUSDB18-HQ test", SONGS[:2], whole=False)
    assert trained.marks(MUSDB18) == trained.marks(hq) == ["trained on test"]
    assert trained.marks(TestSet("demo songs", SONGS, whole=True)) == []
    assert system.marks(MUSDB18) == []
    entry = make_entry("ours", PAPER) | {"marks": trained.marks(MUSDB18), "leaderboard": "B"}
    table = make_tables(MUSDB18, [entry], published)[0]
    assert "ours (leaderboard B, trained on test)" in board_table(table)


@pytest.mark.parametrize(
    ("name", "seen"),
    [("leaderboard_a", False), ("leaderboard_b", True), ("tfc_tdf_v3", True), ("mdx_net", False)],
)
def test_published_systems_that_saw_the_test_songs_are_marked(name: str, seen: bool) -> None:
    system = System(name, find_system(name)[0], "float32", {}, {})
    assert ("trained on test" in system.marks(MUSDB18)) == seen


@pytest.mark.parametrize(("external", "board", "agree"), [
    (False, "A", True), (True, "B", True), (True, "none", True), (False, "B", False),
    (True, "A", False), (False, "none", False),
])  # fmt: skip
def test_aicrowd_json_must_agree_with_the_leaderboard(
    published: Published, tmp_path: Path, external: bool, board: str, agree: bool
) -> None:
    path = tmp_path / "aicrowd.json"
    path.write_text(json.dumps({"external_dataset_used": external}))
    system = make_system("ours", published)
    system = replace(system, spec=replace(system.spec, leaderboard=board))
    told = system.disagreement(path)
    assert (told is None) == agree
    if told:
        assert "external_dataset_used" in told and f"declares leaderboard {board}" in told


@pytest.mark.parametrize("text", ["", "{}", "[]"])
def test_a_broken_aicrowd_json_is_named(published: Published, tmp_path: Path, text: str) -> None:
    (tmp_path / "aicrowd.json").write_text(text)
    with pytest.raises(ConfigError, match=r"aicrowd\.json: got .*external_dataset_used"):
        make_system("ours", published).disagreement(tmp_path / "aicrowd.json")


def test_a_system_knows_its_files(tiny_copy: Path) -> None:
    (before,) = read_systems([str(tiny_copy)])
    assert set(before.weights) == {*SOURCES, "mixer"}
    with (tiny_copy.parent / "bass.onnx").open("ab") as file:
        file.write(b"x")
    (after,) = read_systems([str(tiny_copy)])
    assert after.weights["bass"] != before.weights["bass"] and after.key != before.key
    (tiny_copy.parent / "bass.onnx").unlink()
    assert read_systems([str(tiny_copy)])[0].weights["bass"] is None
