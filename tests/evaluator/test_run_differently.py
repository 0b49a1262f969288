"""Released files that are run in another way than for the paper's rows are not compared with it."""

from dataclasses import replace
from typing import Any

import pytest

from evaluator.evaluation import Outcome
from evaluator.jobs import Options
from evaluator.paper import check_paper
from evaluator.published import Published, read_published
from evaluator.report import make_report
from mdx.systems.spec import CombinerSpec
from tests.evaluator.entries import MUSDB18, make_entry, make_system

PAPER = {"bass": 7.33, "drums": 7.07, "other": 5.81, "vocals": 8.91}  # v2 + Mixer, final text


@pytest.fixture(scope="module")
def published() -> Published:
    return read_published()


OTHERWISE: dict[str, tuple[dict[str, Any], str]] = {
    "overlap": ({"overlap": 0.5}, "the networks"),
    "geometry": ({"geometry": "uvr", "overlap": 0.75}, "the networks"),
    "gain": ({"gain": 1.035}, "the networks"),
    "hop": ({"hop": 512}, "the networks"),
}


@pytest.mark.parametrize("case", [*OTHERWISE, "wiener", "polarity averaging", "without sizes"])
def test_the_released_files_run_in_another_way_are_not_comparable(
    published: Published, case: str
) -> None:
    system = make_system("ours", published)
    spec, told = system.spec, case
    if case in OTHERWISE:
        options, told = OTHERWISE[case]
        bass, *others = spec.estimators
        bass = replace(bass, options={**bass.options, **options})
        spec = replace(spec, estimators=(bass, *others))
    elif case == "wiener":
        options = {"n_fft": 4096, "hop": 1024, "segment": 65}
        step = CombinerSpec("wiener", options=options)
        spec = replace(spec, combine=(*spec.combine, step))
    elif case == "polarity averaging":
        spec = replace(spec, both_polarities=True)
    else:  # which the files have
        keys = ("n_fft", "hop")
        parts = [
            replace(part, options={key: part.options[key] for key in keys})
            for part in spec.estimators
        ]
        spec = replace(spec, estimators=tuple(parts))
    other = replace(system, spec=spec)
    result = check_paper(MUSDB18, [other], [make_entry("ours", PAPER)], published)
    row = next(row for row in result["rows"] if row["row"] == "TFC-TDF-U-Net v2 + Mixer")
    if case == "without sizes":
        assert row["status"] == "reproduced"
        return
    assert (row["status"], row["reason"]) == ("not comparable", f"run differently: {told}")
    systems = [other, make_system("bare", published, mixer=False)]
    entries = [make_entry(name, PAPER) for name in ("ours", "bare")]
    assert check_paper(MUSDB18, systems, entries, published)["relations"] == []


@pytest.mark.parametrize("averages", [True, False])
def test_a_system_that_averages_polarities_is_marked_without_a_limit(
    published: Published, averages: bool
) -> None:
    system = make_system("ours", published)
    system = replace(system, spec=replace(system.spec, both_polarities=averages))
    nothing = Outcome({}, interrupted=True)
    report = make_report(MUSDB18, [system], [], nothing, Options(limit="none"), published, [])
    assert report["systems"][0]["marks"] == (["polarity averaging"] if averages else [])
