"""Stages of a submission's time: every name has a position, a colour and seconds."""

import json
import sys
from pathlib import Path

import pytest

from evaluator.children import Children, Limits
from evaluator.figures import stage_bars
from evaluator.replay import Separation, Submission, separate_song
from evaluator.stages import COLOURS, REST, UNREPORTED, in_order, stage_colours
from mdx.systems.spec import SOURCES
from tests.evaluator.page_report import make_report

TOLD = ["read", "demucs_v2", "istft", "stft", "x_umx", "bass", "write"]


def test_networks_of_any_name_are_between_the_transforms() -> None:
    assert in_order(TOLD) == ["read", "stft", "bass", "demucs_v2", "x_umx", "istft", "write"]
    assert in_order([REST, "write", "combine", "new"]) == ["new", "combine", "write", REST]


def test_every_stage_has_a_colour_of_its_own() -> None:
    stages = {*(COLOURS.keys() - {UNREPORTED}), *(f"network {number}" for number in range(6))}
    colours = stage_colours(stages)
    assert set(colours) == stages and len(set(colours.values())) == len(stages)
    assert list(stage_colours(TOLD)) == in_order(TOLD)


def test_no_stage_is_dropped_from_the_plot() -> None:
    report = make_report()
    (timing, _) = report["timing"]["systems"]
    timing["songs"][0]["stages"] = dict.fromkeys(TOLD, 0.5)
    figure = json.loads(stage_bars(report, timing))
    assert set(TOLD) <= {trace["name"] for trace in figure["data"]}


def separate_with(audit: str, test_set: Path, tmp_path: Path) -> Separation:
    """Run a submission that writes `audit` to its audit file."""

    class Submitted(Children):
        def run(
            self, command: list[str], env: dict[str, str], song: str, limits: Limits | None = None
        ) -> tuple[int, str]:
            events = ("setup_done", "song_done", "execution_success")
            lines = [json.dumps({"event": event, "seconds": 1.0}) for event in events]
            Path(env["EVENTS_PATH"]).write_text("\n".join(lines) + "\n")
            Path(env["MDX_AUDIT_PATH"]).write_text(audit)
            return super().run([sys.executable, "-c", ""], env, song, limits)

    return separate_song(Submission("demo"), test_set / "song 1", tmp_path / "out", Submitted())


def test_a_submission_s_own_timing_is_used_as_it_is(test_set: Path, tmp_path: Path) -> None:
    audit = json.dumps({"threads": 3, "stages": dict.fromkeys(TOLD, 2)}) + "\n"
    separation = separate_with(audit, test_set, tmp_path)
    assert separation.stages == dict.fromkeys(TOLD, 2.0) and separation.threads == 3


@pytest.mark.parametrize("audit", ["", "\n", "{half\n", "[]\n", '{"stages": {"read": "long"}}\n'])
def test_an_unreadable_audit_file_fails_no_song(test_set: Path, tmp_path: Path, audit: str) -> None:
    separation = separate_with(audit, test_set, tmp_path)
    assert separation.stages == {} and separation.threads is None


def test_sources_keep_the_colours_of_their_curves() -> None:
    assert [stage_colours([source])[source] for source in SOURCES] == [COLOURS[s] for s in SOURCES]
