"""The whole evaluator: child processes, files, scores, a report, a README."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from evaluator.children import ROOT
from evaluator.json_files import write_json
from evaluator.metrics import global_sdr
from evaluator.run import main
from evaluator.score_files import aggregate
from evaluator.tables import board_table, update_readme
from mdx.errors import MdxError
from mdx.separator import Separator
from mdx.systems.spec import SOURCES
from tests.evaluator.conftest import Finished
from tests.evaluator.runs import evaluate, read_report, without_timing

pytestmark = pytest.mark.usefixtures("no_grading")


def test_a_run_scores_what_was_written(
    finished: Finished, tiny_system: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    test_set, out = finished
    readme = tmp_path / "README.md"
    marks = ("<!-- results: begin -->", "<!-- results: end -->")
    readme.write_text(f"before\n{marks[0]}\nold\n{marks[1]}\nafter\n")
    options = ("--resume", "--readme", readme, "--metrics", "full")
    assert evaluate(test_set, tiny_system, out, *options) == 0
    report = read_report(out)
    (entry,) = report["systems"]
    assert (report["baseline"]["system"], entry["system"]) == ("ScaledMixture", "tiny")
    for row in entry["songs"]:
        for source in SOURCES:
            reference = sf.read(test_set / row["song"] / f"{source}.wav", dtype="float32")[0].T
            stem = out / "stems" / "tiny" / row["song"] / f"{source}.wav"
            estimate = sf.read(stem, dtype="float32")[0].T
            assert row["sdr"][source] == pytest.approx(global_sdr(reference, estimate), abs=1e-6)
        mean = sum(row["sdr"][s] for s in SOURCES) / 4
        assert row["sdr"]["song"] == pytest.approx(mean, abs=1e-6)
    mean = sum(row["sdr"]["vocals"] for row in entry["songs"]) / 2
    assert entry["mean"]["sdr"]["vocals"] == pytest.approx(mean, abs=1e-6)
    # Four equally loud stems: mixture / 4 has an error of 9/16 + 3/16 of a stem's energy.
    assert report["baseline"]["mean"]["sdr"]["song"] == pytest.approx(1.25, abs=0.05)
    tracks, medians = aggregate(out / "scores" / "tiny")
    assert tracks == 2
    for source in SOURCES:
        expected = entry["mean"]["sdr_median_of_frames"][source]
        assert medians[source]["SDR"] == pytest.approx(expected, abs=1e-5)  # museval's rounding
        assert None not in medians[source].values()
    printed, told = capsys.readouterr()
    for number, row in enumerate(entry["songs"], 1):  # without a terminal, a line for each song
        assert f"{number} of 2: tiny, {row['song']}: {row['sdr']['song']:.2f} dB\n" in told
    table = board_table(report["tables"][0])
    assert "song 1" in printed and "of limit" in printed and table in printed
    text = readme.read_text()
    assert text.startswith("before\n") and text.endswith("after\n") and "old" not in text
    assert table in text


def test_it_runs_as_a_file_from_anywhere(tmp_path: Path) -> None:
    child = subprocess.run(
        [sys.executable, str(ROOT / "evaluator" / "run.py"), "--songs", "nosuch"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert child.returncode == 1
    assert child.stderr.startswith("error: nosuch: got no such folder, expected one with <track>")
    assert child.stderr.count("\n") == 1


def test_two_workers_score_like_one(
    finished_once: Finished, tiny_system: Path, tmp_path: Path
) -> None:
    assert evaluate(finished_once.songs, tiny_system, tmp_path, "--workers", 2) == 0
    assert without_timing(tmp_path) == without_timing(finished_once.out)
    workers = [read_report(out)["timing"]["workers"] for out in (finished_once.out, tmp_path)]
    assert workers == [1, 2]


def test_float_stems_are_closer_to_the_computed_ones(
    finished_once: Finished, tiny_system: Path, tmp_path: Path
) -> None:
    songs, out = finished_once
    assert evaluate(songs, tiny_system, tmp_path, "--float", "--tracks", "song 1") == 0
    stem = Path("stems") / "tiny" / "song 1" / "bass.wav"
    assert sf.info(out / stem).subtype == "PCM_16"
    assert sf.info(tmp_path / stem).subtype == "FLOAT"
    reports = [read_report(folder) for folder in (out, tmp_path)]
    assert [report["scored_files"] for report in reports] == ["PCM_16", "FLOAT"]
    integers, floats = (report["systems"][0]["songs"][0]["sdr"] for report in reports)
    assert integers != floats
    mix, rate = sf.read(songs / "song 1" / "mixture.wav", dtype="float32")
    computed = Separator.load(tiny_system, threads=1).separate(mix.T, rate)["bass"].T
    errors = [np.abs(sf.read(folder / stem)[0] - computed).max() for folder in (out, tmp_path)]
    assert errors[1] < 1e-6 < errors[0] < 2**-15


def test_repeats_report_how_the_time_varies(
    test_set: Path, tiny_system: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    options = ("--repeat", 3, "--timing", "--tracks", "song 1")
    assert evaluate(test_set, tiny_system, out, *options) == 0
    (timing,) = read_report(out)["timing"]["systems"]
    for row in timing["songs"]:
        assert len(row["seconds"]) == 3 and row["same_every_time"]
        assert row["spread"] == pytest.approx(max(row["seconds"]) - min(row["seconds"]), abs=1e-3)
        share = max(row["seconds"]) / (1.57 * row["duration"])
        assert row["share_of_round_2_limit"] == pytest.approx(share, abs=1e-3)
        assert set(row["stages"]) == {
            "read", "stft", *SOURCES, "istft", "combine", "write", "rest",
        }  # fmt: skip
        assert sum(row["stages"].values()) == pytest.approx(row["seconds"][-1], abs=0.02)
        assert row["peak_memory"] > 10_000_000 and row["threads"] >= 1
        assert row["runtime"].startswith("onnxruntime") and row["precision"] == "float32"
    slowest = max(row["per_second"] for row in timing["songs"])
    assert timing["projection"]["seconds"] == pytest.approx(430 * slowest, abs=0.1)
    assert "7:10" in capsys.readouterr().out


def test_two_systems_of_one_name_are_refused(
    test_set: Path, tiny_system: Path, tiny_copy: Path, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    assert evaluate(test_set, tiny_system, tmp_path / "out", "--system", tiny_copy) == 1
    assert "the name 'tiny' twice" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_system_cannot_take_the_baseline_s_name(
    test_set: Path, tiny_copy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tiny_copy.write_text(tiny_copy.read_text().replace("name: tiny", "name: ScaledMixture"))
    assert evaluate(test_set, tiny_copy, tmp_path / "out") == 1
    assert "the name 'ScaledMixture' twice" in capsys.readouterr().err


def test_only_this_run_is_scored(
    test_set: Path, tiny_system: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PARTIAL_RUN_MUSIC_NAMES", "song 1")  # meant for predict.py alone
    (test_set / "song 2").rename(test_set / "setup, done")  # a name like any other
    stale = tmp_path / "out" / "stems" / "tiny" / "song 1" / "bass.wav"
    stale.parent.mkdir(parents=True)
    stale.write_text("from another run")
    assert evaluate(test_set, tiny_system, tmp_path / "out") == 0
    report = read_report(tmp_path / "out")
    assert [row["song"] for row in report["systems"][0]["songs"]] == ["setup, done", "song 1"]
    assert sf.info(stale).frames == sf.info(test_set / "song 1" / "mixture.wav").frames


def test_an_output_that_cannot_be_written(
    test_set: Path, tiny_system: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "out").write_text("a file")
    assert evaluate(test_set, tiny_system, tmp_path / "out") == 1
    error = capsys.readouterr().err
    assert "expected a folder to write to" in error and error.count("\n") == 1


def test_unknown_system(test_set: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--songs", str(test_set), "--system", "nosuch"]) == 1
    assert "expected one of" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--workers", "--repeat"])
def test_counts_start_at_one(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([option, "0"])
    assert "got '0', expected a whole number >= 1" in capsys.readouterr().err


def test_a_json_file_never_contains_nan(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "report.json", {"sdr": float("nan")})
    assert not list(tmp_path.iterdir())


def test_a_readme_without_marks_is_left_alone(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text("nothing here\n")
    with pytest.raises(MdxError, match="no marks"):
        update_readme({"test_set": {"description": "songs"}, "tables": []}, readme)
    assert readme.read_text() == "nothing here\n"


@pytest.mark.parametrize(
    ("content", "said"), [(None, "No such file"), (b"nothing here\n", "no marks for results")]
)
def test_a_readme_without_marks_is_refused_before_the_songs(
    content: bytes | None, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    readme = tmp_path / "README.md"
    if content is not None:
        readme.write_bytes(content)
    with pytest.raises(SystemExit):
        main(["--readme", str(readme), "--out", str(tmp_path / "out")])
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_an_unset_variable_is_not_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for option in ("--out", "--songs", "--stems"):
        with pytest.raises(SystemExit):
            main([option, ""])
        assert f"argument {option}: got an empty name" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
