"""The paper's rows for Demucs-v2 and its blends: what is comparable, and whether it helped."""

from dataclasses import replace
from typing import Any

import pytest

from evaluator.paper import check_paper, outside
from evaluator.published import Published, read_published
from evaluator.systems import System, read_systems
from evaluator.tables import paper_tables
from mdx.systems.find import find_system
from mdx.systems.manifest import read_manifest
from mdx.systems.spec import SOURCES
from tests.evaluator.entries import MUSDB18, make_entry, make_system

PAPER = {"bass": 7.86, "drums": 7.33, "other": 5.95, "vocals": 9.0}  # final text, of the blend
CHECKPOINT = "e07c671f" + 56 * "0"  # only the digits in its name are known


@pytest.fixture(scope="module")
def published() -> Published:
    return read_published()


def with_demucs(system: System, name: str) -> System:
    """A system that also has the released Demucs-v2, run as in leaderboard A's."""
    model = find_system("leaderboard_a")[0]
    estimators = (*system.spec.estimators, model.estimators[-1])
    combine = (*system.spec.combine, model.combine[-1])
    spec = replace(system.spec, estimators=estimators, combine=combine)
    weights = {**system.weights, "demucs_v2": "1" * 64}
    return replace(
        system,
        spec=replace(spec, name=name),
        weights=weights,
        given=name,
        origins={"demucs_v2": CHECKPOINT},
    )


def by_itself() -> System:
    """The released Demucs-v2 alone."""
    spec = find_system("demucs_v2")[0]
    return System(
        "demucs_v2", spec, "float32", {"demucs_v2": "1" * 64}, {}, {"demucs_v2": CHECKPOINT}
    )


def rows(system: System, published: Published) -> dict[str, dict[str, Any]]:
    """The rows on MUSDB18, for a system with the scores of the paper's blend."""
    result = check_paper(MUSDB18, [system], [make_entry(system.name, PAPER)], published)
    return {row["row"]: row for row in result["rows"] if row["test_set"] == MUSDB18.name}


@pytest.mark.parametrize("mixer", [True, False])
def test_a_blend_is_compared_with_rows_of_blends_only(published: Published, mixer: bool) -> None:
    system = make_system("ours", published, mixer=mixer)
    names = {True: "KUIELab-MDX-Net", False: "TFC-TDF-U-Net v2 + Demucs"}
    bare = rows(system, published)
    found = rows(with_demucs(system, "ours"), published)
    compared = {name for name, row in found.items() if row["found"]}
    drafts = {True: {"KUIELab-MDX-Net + Demucs-v2 (draft)"}, False: set()}
    assert compared == {names[mixer]} | drafts[mixer]
    assert not compared & {name for name, row in bare.items() if row["found"]}
    assert found[names[True]]["status"] == ("reproduced" if mixer else "not comparable")


def with_options(part: Any, **options: Any) -> Any:
    """An estimator or combiner whose options are changed."""
    return replace(part, options={**part.options, **options})


OTHERWISE: dict[str, dict[str, Any]] = {
    "overlap": {"overlap": 0.25}, "segment": {"segment": 10.0}, "level": {"normalise": "mono"},
    "shifts": {"shifts": 1},
}  # fmt: skip


@pytest.mark.parametrize("case", [*OTHERWISE, "blend"])
def test_a_system_run_in_another_way_is_not_comparable(published: Published, case: str) -> None:
    system = with_demucs(make_system("ours", published), "ours")
    spec = system.spec
    *parts, demucs = spec.estimators
    *steps, blend = spec.combine
    if case == "blend":
        spec = replace(
            spec,
            combine=(
                *steps,
                with_options(blend, shares={**blend.options["shares"], "vocals": 0.8}),
            ),
        )
    else:
        spec = replace(spec, estimators=(*parts, with_options(demucs, **OTHERWISE[case])))
    row = rows(replace(system, spec=spec), published)["KUIELab-MDX-Net"]
    assert (row["status"], row["reason"]) == (
        "not comparable", "run differently: Demucs-v2",
    )  # fmt: skip


@pytest.mark.parametrize("origins", [{}, {"demucs_v2": "1" * 64}])
def test_another_demucs_is_other_weights(published: Published, origins: dict[str, str]) -> None:
    system = with_demucs(make_system("ours", published), "ours")
    found = rows(replace(system, origins=origins), published)
    repeatable = {row.name for table in published.tables for row in table.rows if row.recipe}
    assert {found[name]["reason"] for name in repeatable & set(found)} == {"other weights"}


def test_demucs_alone_is_shown_with_its_row_but_never_judged(published: Published) -> None:
    result = check_paper(MUSDB18, [by_itself()], [make_entry("demucs_v2", PAPER)], published)
    (row,) = (row for row in result["rows"] if row["found"])
    assert (row["row"], row["status"]) == ("Demucs-v2", "not comparable")
    assert "three other trainings" in row["reason"] and outside(result) == 0
    assert (row["published"]["bass"], row["found"]["bass"]) == (7.01, 7.86)
    assert "7.01 -> 7.86" in paper_tables(result)


def test_the_included_systems_are_those_of_the_recipes(published: Published) -> None:
    released = published.demucs
    for name, system in (
        ("demucs_in_the_blend", "leaderboard_a"),
        ("demucs_by_itself", "demucs_v2"),
    ):
        spec, folder = find_system(system)
        assert released[name].run == read_systems([system])[0].demucs
        made = {entry.becomes: entry for entry in read_manifest(folder).values()}
        assert made[spec.networks["demucs_v2"]].sha256.startswith(released[name].checkpoint)
    for system in ("leaderboard_b", "mdx_net", "demucs_v2"):
        assert released["demucs_in_the_blend"].run != read_systems([system])[0].demucs
    for system in ("leaderboard_a", "mdx_net", "mdx_net_no_mixer"):
        spec, folder = find_system(system)
        entries = read_manifest(folder)
        files = {source: entries[spec.networks[source]].sha256 for source in SOURCES}
        if spec.mixer:
            files["mixer"] = entries[spec.mixer].sha256
        assert files.items() <= published.released["kuielab_a"].items()


def test_recipes_name_released_files(published: Published) -> None:
    recipes = [row.recipe for table in published.tables for row in table.rows if row.recipe]
    assert {recipe.weights for recipe in recipes} <= {None, *published.released}
    assert {recipe.demucs for recipe in recipes} == {None, *published.demucs}


def test_demucs_must_help(published: Published) -> None:
    bare = make_system("bare", published)
    blended = with_demucs(bare, "blended")
    unmixed = with_demucs(make_system("x", published, mixer=False), "unmixed")
    worse = {source: value - 0.25 for source, value in PAPER.items()}

    def relations(*pairs: tuple[System, dict[str, float]]) -> list[tuple[str, str, bool]]:
        entries = [make_entry(system.name, values) for system, values in pairs]
        systems = [system for system, _ in pairs]
        result = check_paper(MUSDB18, systems, entries, published)
        return sorted({(r["relation"], r["base"], r["holds"]) for r in result["relations"]})

    demucs, mixer = "with Demucs-v2 >= without", "with Mixer >= without"
    assert relations((blended, PAPER), (bare, worse)) == [(demucs, "bare", True)]
    assert relations((blended, worse), (bare, PAPER)) == [(demucs, "bare", False)]
    assert relations((blended, PAPER), (unmixed, worse)) == [(mixer, "unmixed", True)]
    # Nothing can be concluded if two things differ, or if Demucs-v2 is different or alone.
    assert relations((bare, PAPER), (unmixed, worse)) == []
    assert relations((blended, PAPER), (by_itself(), worse)) == []
    other = with_options(unmixed.spec.combine[-1], shares=dict.fromkeys(SOURCES, 0.5))
    combine = (*unmixed.spec.combine[:-1], other)
    otherwise = replace(unmixed, spec=replace(unmixed.spec, combine=combine))
    assert relations((blended, PAPER), (otherwise, worse)) == []
