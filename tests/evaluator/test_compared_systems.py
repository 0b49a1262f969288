"""The compared systems' rows in the paper check: comparable only with their released files."""

from dataclasses import replace
from typing import Any

import pytest

from evaluator.paper import ON_TRUST, check_paper, outside
from evaluator.published import Published, Row, read_published
from evaluator.systems import System
from evaluator.test_sets import TestSet
from mdx.systems.find import find_system, system_names
from mdx.systems.manifest import UNKNOWN, checkpoint_of, read_manifest
from mdx.systems.spec import MODELS, SOURCES
from tests.evaluator.entries import MUSDB18, SONGS, make_entry

HQ = TestSet("MUSDB18-HQ test", SONGS, whole=True)
ROWS = {  # the row that each system is compared with
    "x_umx": "X-UMX, released weights",
    "d3net": "D3Net, released weights",
    "open_unmix": "Open-Unmix (UMX-HQ)",
}


@pytest.fixture(scope="module")
def published() -> Published:
    return read_published()


def released(name: str, published: Published) -> System:
    """A system of this repository with its released files, converted."""
    known = published.checkpoints[name]
    origins = {role: "5" * 64 if sha == UNKNOWN else sha for role, sha in known.items()}
    return System(
        name, find_system(name)[0], "float32", dict.fromkeys(known, "1" * 64), {}, origins
    )


def row_of(name: str, published: Published) -> Row:
    return next(row for table in published.tables for row in table.rows if row.name == name)


def check(system: System, name: str, published: Published, *, more: float = 0) -> dict[str, Any]:
    """The verdict on a row for a system that scores `more` dB above it in every source."""
    row = row_of(name, published)
    values = {source: (row.values[source] or 0) + more for source in SOURCES}
    test_set = HQ if "Unmix" in name else MUSDB18
    result = check_paper(test_set, [system], [make_entry(system.name, values)], published)
    (found,) = (found for found in result["rows"] if found["row"] == name)
    return {**found, "outside": outside(result)}


@pytest.mark.parametrize("name", ROWS)
@pytest.mark.parametrize(("more", "status"), [(0.05, "reproduced"), (0.2, "outside")])
def test_a_system_is_compared_with_its_own_row(
    published: Published, name: str, more: float, status: str
) -> None:
    found = check(released(name, published), ROWS[name], published, more=more)
    assert (found["status"], found["system"]) == (status, name)
    on_trust = UNKNOWN in published.checkpoints[name].values()
    assert found["reason"] == (ON_TRUST if on_trust else None)
    assert (found["outside"] > 0) == (status == "outside")


@pytest.mark.parametrize("name", ROWS)
def test_other_files_or_another_procedure_are_not_comparable(
    published: Published, name: str
) -> None:
    system = released(name, published)
    role = next(iter(system.weights))
    for origins in ({}, {**system.origins, "more": "2" * 64}):
        found = check(replace(system, origins=origins), ROWS[name], published)
        assert (found["status"], found["reason"]) == ("not comparable", "other weights")
    found = check(
        replace(system, origins={**system.origins, role: "2" * 64}), ROWS[name], published
    )
    assert (found["reason"] == "other weights") == (published.checkpoints[name][role] != UNKNOWN)
    found = check(replace(system, precision="int8"), ROWS[name], published)
    assert found["reason"] == "other weights"
    found = check(replace(system, precision="bf16"), ROWS[name], published)
    assert (found["status"], found["reason"]) == ("not comparable", "computed in bf16")
    (part,) = system.spec.estimators
    options = {**part.options, "context": 500}
    spec = replace(system.spec, estimators=(replace(part, options=options),))
    found = check(replace(system, spec=spec), ROWS[name], published)
    assert (found["status"], found["reason"]) == ("not comparable", f"run differently: {name}")
    spec = replace(system.spec, name="mine", licence="", estimators=(
        replace(part, stem_weights={stem: f"{stem}.x" for stem in part.makes}, weights=None),
    ))  # fmt: skip
    found = check(replace(system, spec=spec), ROWS[name], published)
    assert found["status"] != "not comparable"  # its files have other paths and names


@pytest.mark.parametrize(
    ("row", "system", "reason"),
    [
        ("ResUNetDecouple+", None, "only its weights for vocals and accompaniment are public"),
        ("TFC-TDF-U-Net v1", None, "only its weights for vocals are public"),
        ("D3Net", "d3net", "its public weights are not the paper's: 5.32, 6.85, 4.82 and 7.14 dB"),
        ("LaSAFT-GPoCM-Net of n_fft 4096", "lasaft_large", "whether these weights gave the row"),
        ("MMDenseLSTM", None, "no weights of its authors are public"),
    ],
)
def test_what_cannot_be_compared_says_why(
    published: Published, row: str, system: str | None, reason: str
) -> None:
    found = check(released(system or "x_umx", published), row, published)
    assert found["status"] == "not comparable" and reason in found["reason"]
    assert bool(found["found"]) == (system is not None)  # shown side by side, where they can be


def test_the_published_checkpoints_are_those_of_the_manifest(published: Published) -> None:
    entries = read_manifest(MODELS / "weights")
    for name, known in published.checkpoints.items():
        networks = find_system(name)[0].networks
        checkpoints = {role: checkpoint_of(entries, file) for role, file in networks.items()}
        assert {role: entries[file or ""].sha256 for role, file in checkpoints.items()} == known
    recipes = [row.recipe for table in published.tables for row in table.rows if row.recipe]
    systems = {recipe.system for recipe in recipes} - {None}
    assert systems == set(published.checkpoints) <= set(system_names())
