"""Compares a run with the paper's results, and says why where that is impossible."""

from itertools import permutations
from typing import Any

from evaluator.published import Published, Recipe, Row, Table
from evaluator.scores import METRICS
from evaluator.systems import DEMUCS, MIXER, System
from evaluator.test_sets import TestSet
from mdx.systems.find import find_system
from mdx.systems.manifest import UNKNOWN
from mdx.systems.spec import SOURCES, CombinerSpec, SystemSpec

# Two evaluations of one system differ by up to 0.13 dB if one is on MUSDB18 and the other on
# MUSDB18-HQ (published.yaml); on the same files, runtimes and PCM_16 change a median far less.
TOLERANCE = 0.1  # dB, for every source

ON_TRUST = "no sha256 of the released files is known: these are assumed to be the same"
BF16, AUTO = "bf16", "auto"
BOTH_POLARITIES = "polarity averaging"
REPRODUCED, OUTSIDE, NOT_COMPARABLE = "reproduced", "outside", "not comparable"
NETWORKS = "mdx_net_no_mixer"  # the system that runs the released networks, and only them
RELATIONS = {MIXER: "with Mixer >= without", DEMUCS: "with Demucs-v2 >= without"}


def check_paper(
    test_set: TestSet, systems: list[System], entries: list[dict[str, Any]], published: Published
) -> dict[str, Any]:
    """Compare a run with every published row that has a recipe, or a reason why it has none.

    A row is reproduced or outside only if a system of the run consists of the released files, runs
    them as they were run then, and has a score for every song of the row's test set; otherwise it
    is not comparable, with the reason. `relations` says whether a Mixer and Demucs-v2 helped.
    """
    means = {entry["system"]: entry for entry in entries}
    rows = [
        {"table": table.title, "test_set": table.test_set, "row": row.name,
         "superseded": row.superseded,
         **_check_row(table, row, test_set, systems, means, published)}
        for table in published.tables for row in table.rows if row.recipe or row.unrepeatable
    ]  # fmt: skip
    return {"tolerance": TOLERANCE, "rows": rows, "relations": _check_relations(systems, means)}


def outside(check: dict[str, Any]) -> int:
    """The number of rows that are outside and have not been superseded."""
    return sum(row["status"] == OUTSIDE and not row["superseded"] for row in check["rows"])


def _check_row(
    table: Table, row: Row, test_set: TestSet, systems: list[System],
    means: dict[str, dict[str, Any]], published: Published,
) -> dict[str, Any]:  # fmt: skip
    told: dict[str, Any] = {
        "published": {source: row.values[source] for source in SOURCES},
        "status": NOT_COMPARABLE, "reason": row.unrepeatable, "system": None, "found": None,
    }  # fmt: skip
    if row.recipe is None:
        return told
    system, obstacle = _find_system(row.recipe, systems, published)
    obstacles = [] if obstacle is None else [obstacle]
    if table.test_set != test_set.name or not test_set.whole:
        obstacles.insert(0, "other test set")
    elif system is not None:
        obstacles = _obstacles_of(means[system.name], len(test_set.songs))
    if obstacles or system is None:
        return {**told, "reason": "; ".join(obstacles)}
    scores = means[system.name]["mean"][table.metric]
    found = {source: scores[source] for source in SOURCES}
    status = REPRODUCED if _is_within(told["published"], found) else OUTSIDE
    if row.recipe.differs:
        status = NOT_COMPARABLE
    reason = row.recipe.differs or (ON_TRUST if _is_on_trust(row.recipe, published) else None)
    return {**told, "status": status, "reason": reason, "system": system.name, "found": found}


def _find_system(
    recipe: Recipe, systems: list[System], published: Published
) -> tuple[System | None, str | None]:
    # The system of the run that a recipe describes, or why there is none.
    made = [system for system in systems if _is_made_by(system, recipe, published)]
    if not made:
        return None, "other weights"
    # bfloat16 runs the same files, and so does a machine to which the precision is left.
    exact = [system for system in made if system.precision not in (BF16, AUTO)]
    if not exact:
        left = any(system.precision == AUTO for system in made)
        return None, "precision left to the machine" if left else "computed in bf16"
    others = [_run_differently(system, recipe, published) for system in exact]
    if None not in others:
        return None, f"run differently: {others[0]}"
    return exact[others.index(None)], None


def _obstacles_of(entry: dict[str, Any], songs: int) -> list[str]:
    if not entry["mean"] or entry["mean"]["songs"] < songs:
        return ["songs are missing"]
    return list(entry["deviations"])


def _is_within(published: dict[str, float], found: dict[str, float | None]) -> bool:
    pairs = ((published[source], found[source]) for source in SOURCES)
    return all(now is not None and abs(now - then) <= TOLERANCE for then, now in pairs)


def _is_on_trust(recipe: Recipe, published: Published) -> bool:
    return UNKNOWN in published.checkpoints.get(recipe.system or "", {}).values()


def _is_made_by(system: System, recipe: Recipe, published: Published) -> bool:
    if recipe.system is not None:
        known = published.checkpoints[recipe.system]
        whole = set(known) == set(system.weights) == set(system.origins)
        # int8 networks are made from float32 networks, not directly from checkpoints.
        return (
            whole
            and system.precision in ("float32", BF16, AUTO)
            and all(sha256 in (UNKNOWN, system.origins[role]) for role, sha256 in known.items())
        )
    files = dict(published.released[recipe.weights]) if recipe.weights else {}
    if not recipe.mixer:
        files.pop(MIXER, None)
    if _without(DEMUCS, system) != files:
        return False
    if recipe.demucs is None:
        return DEMUCS not in system.weights
    checkpoint = published.demucs[recipe.demucs].checkpoint
    return system.origins.get(DEMUCS, "").startswith(checkpoint)


def _run_differently(system: System, recipe: Recipe, published: Published) -> str | None:
    # What a system runs in another way than the row's, if anything; its files may lie elsewhere.
    spec = system.spec
    reference, _ = find_system(recipe.system or NETWORKS)
    networks = _networks(spec) != _networks(reference)
    if recipe.system is not None:
        fine = not networks and spec.combine == reference.combine and not spec.both_polarities
        return None if fine else recipe.system
    if recipe.weights and networks:
        return "the networks"
    if recipe.demucs and published.demucs[recipe.demucs].run != system.demucs:
        return "Demucs-v2"
    if more := _further_steps(spec):
        return more[0].kind
    return BOTH_POLARITIES if spec.both_polarities else None


def _networks(spec: SystemSpec) -> Any:
    # How all networks but Demucs-v2 are run; sizes that the file determines may be left out.
    return {
        (part.kind, part.makes): {**dict(part.options), "dim_f": None, "dim_t": None}
        for part in spec.estimators if part.name != DEMUCS
    }  # fmt: skip


def _further_steps(spec: SystemSpec) -> list[CombinerSpec]:
    return [step for step in spec.combine if step.kind != MIXER and step.estimator != DEMUCS]


def _has_usual_songs(entry: dict[str, Any]) -> bool:
    # All of them, and none degraded: otherwise two means would be of different songs.
    whole = not any(row.get("state") in ("failed", "pending") for row in entry["songs"])
    return whole and not entry["deviations"]


def _check_relations(
    systems: list[System], means: dict[str, dict[str, Any]]
) -> list[dict[str, Any]]:
    relations = []
    usual = [system for system in systems if _has_usual_songs(means[system.name])]
    for part, relation in RELATIONS.items():
        for whole, bare in permutations(usual, 2):
            if not _differ_by(part, whole, bare):
                continue
            for metric in METRICS:
                better, base = (
                    (means[system.name]["mean"] or {}).get(metric, {}).get("song")
                    for system in (whole, bare)
                )
                if better is None or base is None:
                    continue
                relations.append(
                    {"relation": relation, "metric": metric,
                     "better": whole.name, "base": bare.name,
                     "difference": round(better - base, 6), "holds": better >= base}
                )  # fmt: skip
    return relations


def _differ_by(part: str, whole: System, bare: System) -> bool:
    # Only in the Mixer or Demucs-v2: everything else is the same, and is run alike.
    alike = part == DEMUCS or whole.demucs == bare.demucs
    one, other = (
        (_networks(spec), _further_steps(spec), spec.both_polarities)
        for spec in (whole.spec, bare.spec)
    )
    return (
        alike and one == other and part in whole.weights and bare.weights == _without(part, whole)
    )


def _without(part: str, system: System) -> dict[str, str | None]:
    return {role: sha256 for role, sha256 in system.weights.items() if role != part}
