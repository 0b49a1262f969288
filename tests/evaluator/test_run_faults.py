"""Runs with songs that fail, are late or silent, or lack their true stems."""

import shutil
from pathlib import Path

import pytest
import soundfile as sf

from evaluator.tables import board_table
from mdx.systems.spec import SOURCES
from tests.evaluator.conftest import Finished
from tests.evaluator.runs import evaluate, read_report

pytestmark = pytest.mark.usefixtures("no_grading")


def interrupt(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("where", ["_decode", "_write_page"])
def test_ctrl_c_outside_the_songs_is_one_line(
    finished: Finished, tiny_system: Path, where: str, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setattr(f"evaluator.run.{where}", interrupt)
    assert evaluate(finished.songs, tiny_system, finished.out, "--resume") == 130
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("interrupted: what is finished is kept; --resume")


def test_ctrl_c_in_an_audit_keeps_the_rest(
    finished: Finished, tiny_system: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setattr("evaluator.audit.separate_song", interrupt)
    assert evaluate(finished.songs, tiny_system, finished.out, "--resume", "--audit") == 130
    assert "interrupted: the report contains what is finished" in capsys.readouterr().err
    report = read_report(finished.out)
    assert report["complete"] and report["timing"]["audit"] == []


def test_a_submission_that_cannot_be_set_up_ends_the_run_with_its_own_error(
    test_set: Path, tiny_copy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tiny_copy.parent / "bass.onnx").write_bytes(b"damaged")
    out = tmp_path / "out"
    assert evaluate(test_set, tiny_copy, out) == 1
    error = capsys.readouterr().err
    assert "bass.onnx: got sha256" in error and error.count("\n") == 1
    assert not (out / "report.json").exists()


@pytest.mark.parametrize("damage", ["missing", "rate", "mono", "length", "unreadable"])
def test_a_bad_reference_is_named_and_does_not_affect_other_songs(
    finished: Finished, tiny_system: Path, capsys: pytest.CaptureFixture[str], damage: str
) -> None:
    test_set, out = finished
    path = test_set / "song 2" / "drums.wav"
    audio, rate = sf.read(path)
    if damage == "missing":
        path.unlink()
    elif damage == "unreadable":
        path.write_bytes(b"no audio")
    else:
        sf.write(
            path,
            {"rate": audio, "mono": audio[:, 0], "length": audio[:-1]}[damage],
            48000 if damage == "rate" else rate,
        )
    assert evaluate(test_set, tiny_system, out, "--resume") == 1
    *warnings, _, failed, error = capsys.readouterr().err.splitlines()
    assert failed == "2 of 2: tiny, song 2: failed" and len(warnings) == (damage == "missing")
    assert error.startswith(f"error: {path}: got ")
    report = read_report(out)
    (entry,) = report["systems"]
    assert [row["state"] for row in entry["songs"]] == ["scored", "failed"]
    assert entry["songs"][1]["error"].startswith(f"{path}: got ")
    assert entry["mean"]["songs"] == 1 and report["complete"]
    assert "1 of 2 songs missing" in board_table(report["tables"][0])


def test_a_failing_song_does_not_affect_others(
    finished: Finished, tiny_system: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    test_set, out = finished
    (test_set / "song 1" / "mixture.wav").write_bytes(b"no audio")
    assert evaluate(test_set, tiny_system, out, "--resume") == 1
    errors = capsys.readouterr().err.splitlines()
    assert any("song 1" in line and "four stems" in line for line in errors)
    (entry,) = read_report(out)["systems"]
    assert [row["state"] for row in entry["songs"]] == ["failed", "scored"]
    assert not list((out / "stems").rglob("song 1/*.wav"))
    # Earlier scores of a song that fails now would count in an aggregate.
    assert [it.stem for it in (out / "scores" / "tiny" / "test").iterdir()] == ["song 2"]


def test_a_late_song_is_recorded_and_the_next_one_run(
    test_set: Path, tiny_system: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setenv("MDX_LIMIT", "0.001")
    monkeypatch.setenv("MDX_SPEND_BUDGET", "1")  # which only an option of a run can ask for
    assert evaluate(test_set, tiny_system, tmp_path / "out") == 1
    assert "unless an option says otherwise: MDX_LIMIT=0.001\n" in capsys.readouterr().out
    (entry,) = read_report(tmp_path / "out")["systems"]
    for row in entry["songs"]:
        assert row["state"] == "failed" and "0.001 s" in row["error"]


def test_songs_without_references_are_timed_but_not_scored(
    finished: Finished, tiny_system: Path
) -> None:
    test_set, out = finished
    for source in SOURCES:
        (test_set / "song 1" / f"{source}.wav").unlink()
    assert evaluate(test_set, tiny_system, out, "--resume", "--timing") == 0
    report = read_report(out)
    (entry,) = report["systems"]
    assert [row["state"] for row in entry["songs"]] == ["unscored", "scored"]
    assert entry["mean"]["songs"] == 1 and report["baseline"]["mean"]["songs"] == 1
    assert [row["song"] for row in report["timing"]["systems"][0]["songs"]] == ["song 1", "song 2"]


def test_a_set_without_any_reference(finished: Finished, tiny_system: Path) -> None:
    test_set, out = finished
    for path in test_set.rglob("*.wav"):
        if path.name != "mixture.wav":
            path.unlink()
    assert evaluate(test_set, tiny_system, out, "--resume", "--check", "paper") == 0
    report = read_report(out)
    assert report["systems"][0]["mean"] is report["baseline"]["mean"] is None
    assert not any(table["comparable"] for table in report["tables"])


@pytest.mark.parametrize("silent", ["bass.wav", "mixture.wav"])
def test_silence_has_no_frames_that_count(
    finished: Finished, tiny_system: Path, silent: str
) -> None:
    test_set, out = finished
    shutil.rmtree(test_set / "song 2")
    path = test_set / "song 1" / silent  # a silent mixture has silent estimates
    audio, rate = sf.read(path)
    sf.write(path, 0 * audio, rate)
    assert evaluate(test_set, tiny_system, out, "--resume") == 0
    mean = read_report(out)["systems"][0]["mean"]
    assert mean["sdr_median_of_frames"]["vocals"] is None
    assert mean["sdr_median_of_frames"]["song"] is None
    if silent == "bass.wav":
        assert mean["sdr"]["bass"] < 0
    else:
        assert mean["sdr"] == dict.fromkeys(("song", *SOURCES), 0.0)  # all error is the reference


def test_a_missing_true_stem_is_told_before_the_songs(
    finished: Finished, tiny_system: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    (finished.songs / "song 2" / "drums.wav").unlink()
    monkeypatch.setattr("evaluator.run._evaluate", interrupt)
    assert evaluate(finished.songs, tiny_system, finished.out, "--resume") == 130
    assert "song 2: no drums.wav: the song cannot be scored" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--limit", "banana"], "--limit: got 'banana'"),
        (["--cpus", "1"], "--cpus: got no --audit, expected both, or none of them"),
        (["--slowdown", "2"], "--slowdown: got no --audit, expected both, or none of them"),
        (["--tracks", "nosuch"], "got 'nosuch', which matches no song"),
        (["--songs", "nosuch"], "nosuch: got no such folder"),
        (["--system", "leaderboard_a"], "hint 'mdx fetch leaderboard_a' downloads it"),
    ],
)
def test_what_cannot_be_run_is_refused_before_the_title(
    test_set: Path, tiny_system: Path, tmp_path: Path, options: list[str], said: str,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    assert evaluate(test_set, tiny_system, tmp_path / "out", *options) == 1
    told = capsys.readouterr()
    assert said.removeprefix("hint ") in told.err and told.err.count("\n") == 1 and not told.out


def test_a_file_as_the_folder_of_results_is_refused(
    test_set: Path, tiny_system: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "out").touch()
    assert evaluate(test_set, tiny_system, tmp_path / "out") == 1
    assert capsys.readouterr().err.startswith("error: --out: got '")
