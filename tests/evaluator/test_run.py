"""The whole evaluator: a child process, files, scores, a report, a README."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile as sf

from evaluator.metrics import global_sdr
from evaluator.replay import ROOT
from evaluator.report import MARKS, summary_table, update_readme, write_report
from evaluator.run import main
from evaluator.score_files import aggregate
from mdx.errors import MdxError
from mdx.spec import SOURCES


@pytest.fixture(autouse=True)
def _no_grading(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AICROWD_IS_GRADING", raising=False)
    monkeypatch.delenv("PARTIAL_RUN_MUSIC_NAMES", raising=False)


def test_a_run_scores_what_was_written(
    test_set: Path, tiny_system: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    readme = tmp_path / "README.md"
    readme.write_text(f"before\n{MARKS[0]}\nold\n{MARKS[1]}\nafter\n")
    arguments = ["--songs", str(test_set), "--system", str(tiny_system), "--out", str(out)]
    assert main([*arguments, "--readme", str(readme), "--metrics", "full"]) == 0
    report = json.loads((out / "report.json").read_text())
    baseline, entry = report["systems"]
    assert (baseline["system"], entry["system"]) == ("ScaledMixture", "tiny")
    for row in entry["songs"]:
        for source in SOURCES:
            reference = sf.read(test_set / row["song"] / f"{source}.wav", dtype="float32")[0].T
            stem = out / "stems" / "tiny" / row["song"] / f"{source}.wav"
            estimate = sf.read(stem, dtype="float32")[0].T
            assert row["sdr"][source] == pytest.approx(global_sdr(reference, estimate))
        assert row["sdr"]["song"] == pytest.approx(sum(row["sdr"][s] for s in SOURCES) / 4)
        ratio = row["seconds"] / (1.57 * row["duration"])
        assert row["share_of_round_2_limit"] == pytest.approx(ratio, abs=1e-3)
    mean = sum(row["sdr"]["vocals"] for row in entry["songs"]) / 2
    assert entry["mean"]["sdr"]["vocals"] == pytest.approx(mean)
    # Four equally loud stems: mixture / 4 has an error of 9/16 + 3/16 of a stem's energy.
    assert baseline["mean"]["sdr"]["song"] == pytest.approx(1.25, abs=0.05)
    tracks, medians = aggregate(out / "scores" / "tiny")
    assert tracks == 2
    for source in SOURCES:
        expected = entry["mean"]["sdr_median_of_frames"][source]
        assert medians[source]["SDR"] == pytest.approx(expected, abs=1e-5)  # museval's rounding
        assert None not in medians[source].values()
    printed = capsys.readouterr().out
    assert "song 1" in printed and "of limit" in printed and summary_table(report) in printed
    text = readme.read_text()
    assert text.startswith("before\n") and text.endswith("after\n") and "old" not in text
    assert summary_table(report) in text


def test_it_runs_as_a_file_from_anywhere(tmp_path: Path) -> None:
    child = subprocess.run(
        [sys.executable, str(ROOT / "evaluator" / "run.py"), "--songs", "nosuch"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert child.returncode == 1
    assert child.stderr == (
        "error: nosuch: got no song, expected <song>/mixture.wav and its four stems\n"
    )


def test_a_submission_that_fails_ends_the_run_with_its_own_words(
    test_set: Path, tiny_copy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tiny_copy.parent / "bass.onnx").write_bytes(b"damaged")
    out = tmp_path / "out"
    assert main(["--songs", str(test_set), "--system", str(tiny_copy), "--out", str(out)]) == 1
    error = capsys.readouterr().err
    assert "bass.onnx: got sha256" in error and error.count("\n") == 1
    assert not (out / "report.json").exists()


@pytest.mark.parametrize("damage", ["missing", "rate", "mono", "length"])
def test_bad_references_are_named(
    test_set: Path, tiny_system: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    damage: str,
) -> None:  # fmt: skip
    path = test_set / "song 2" / "drums.wav"
    audio, rate = sf.read(path)
    if damage == "missing":
        path.unlink()
    else:
        sf.write(
            path,
            {"rate": audio, "mono": audio[:, 0], "length": audio[:-1]}[damage],
            48000 if damage == "rate" else rate,
        )
    out = str(tmp_path / "out")
    assert main(["--songs", str(test_set), "--system", str(tiny_system), "--out", out]) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"error: {path}: got ") and error.count("\n") == 1


def test_two_systems_of_one_name_are_refused(
    test_set: Path, tiny_system: Path, tiny_copy: Path, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    systems = ["--system", str(tiny_system), "--system", str(tiny_copy)]
    assert main(["--songs", str(test_set), *systems, "--out", str(tmp_path / "out")]) == 1
    assert "the name 'tiny' twice" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_only_this_run_is_scored(
    test_set: Path, tiny_system: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PARTIAL_RUN_MUSIC_NAMES", "song 1")  # meant for predict.py alone
    (test_set / "song 2").rename(test_set / "setup")  # a name like any other
    stale = tmp_path / "out" / "stems" / "tiny" / "song 9" / "bass.wav"
    stale.parent.mkdir(parents=True)
    stale.write_text("from another run")
    out = str(tmp_path / "out")
    assert main(["--songs", str(test_set), "--system", str(tiny_system), "--out", out]) == 0
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert [row["song"] for row in report["systems"][1]["songs"]] == ["setup", "song 1"]
    assert not stale.exists()


def test_an_output_that_cannot_be_written(
    test_set: Path, tiny_system: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "out").write_text("a file")
    arguments = ["--songs", str(test_set), "--system", str(tiny_system)]
    assert main([*arguments, "--out", str(tmp_path / "out")]) == 1
    error = capsys.readouterr().err
    assert "expected a writable folder" in error and error.count("\n") == 1


def test_unknown_system(test_set: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--songs", str(test_set), "--system", "nosuch"]) == 1
    assert "expected one of" in capsys.readouterr().err


def test_a_song_without_frames_that_count_has_no_median(
    test_set: Path, tiny_system: Path, tmp_path: Path
) -> None:
    shutil.rmtree(test_set / "song 2")
    path = test_set / "song 1" / "bass.wav"
    audio, rate = sf.read(path)
    sf.write(path, 0 * audio, rate)
    out = tmp_path / "out"
    assert main(["--songs", str(test_set), "--system", str(tiny_system), "--out", str(out)]) == 0
    mean = json.loads((out / "report.json").read_text())["systems"][1]["mean"]
    assert mean["sdr_median_of_frames"]["vocals"] is None
    assert mean["sdr_median_of_frames"]["song"] is None
    assert mean["sdr"]["bass"] < 0


def test_a_report_never_holds_nan(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON"):
        write_report({"sdr": float("nan")}, tmp_path / "report.json")
    assert not (tmp_path / "report.json").exists()


def test_a_readme_without_marks_is_left_alone(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text("nothing here\n")
    with pytest.raises(MdxError, match="no marks"):
        update_readme({}, readme)
    assert readme.read_text() == "nothing here\n"
