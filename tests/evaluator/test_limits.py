"""The time limit end to end: late songs are recorded, and degraded ones are in time."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile as sf

from evaluator.audit import LIMITS, Case, audit_table, make_cases, parse_numbers, run_audit
from evaluator.children import ROOT, Children
from evaluator.jobs import Options
from evaluator.quality import read_quality
from evaluator.replay import JUMPING_CLOCK, SongFailed, Submission, separate_song
from evaluator.run import main
from evaluator.systems import read_systems
from evaluator.test_sets import find_test_set
from mdx.errors import ConfigError
from mdx.limit.policy import Limit, parse_limit
from mdx.machine import available_cpus
from mdx.separator import Separator
from mdx.systems.spec import SOURCES
from tests.evaluator.runs import read_report

# Networks as slow as those of a large system, and one song on which they hang in native code.
SLOW = """
import ctypes, os
from mdx.runtimes.onnx import OnnxNetwork

run = OnnxNetwork.__call__

def slowly(network, spectrogram):
    events = os.environ.get("EVENTS_PATH")
    begun = events is None or "execution_running" in open(events).read()
    if begun and os.environ.get("PARTIAL_RUN_MUSIC_NAMES") == os.environ.get("HANGS_IN"):
        ctypes.PyDLL(None).sleep(60)
    ctypes.CDLL(None).usleep(int(float(os.environ["SLOW"]) * 1e6))
    return run(network, spectrogram)

OnnxNetwork.__call__ = slowly
"""


@pytest.fixture
def slow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every child's networks sleep 20 ms in each chunk."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(SLOW)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path / 'site'}{os.pathsep}{ROOT}")
    monkeypatch.setenv("SLOW", "0.02")
    monkeypatch.setenv("MDX_RUNTIME", "onnxruntime")  # no bf16, where the CPU has it
    for name in ("MDX_LIMIT", "INFERENCE_PER_MUSIC_TIMEOUT_SECONDS"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.usefixtures("slow")
def test_a_network_that_hangs_fails_only_its_song(
    test_set: Path, tiny_system: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HANGS_IN", "song 1")
    # One thread per song and no delay, so that even a busy machine uses the networks.
    monkeypatch.setenv("SLOW", "0")
    out = tmp_path / "out"
    arguments = ["--songs", str(test_set), "--system", str(tiny_system), "--out", str(out)]
    arguments += ["--workers", str(available_cpus()), "--excerpt", "0"]
    assert main([*arguments, "--limit", "fixed:5"]) == 1
    first, second = read_report(out)["systems"][0]["songs"]
    assert first["state"] == "failed" and "more than 5 s in phase 'song'" in first["error"]
    assert second["state"] == "scored"
    assert not list((out / "stems" / "tiny" / "song 1").glob("*.wav"))


@pytest.mark.usefixtures("slow")
def test_a_degraded_song_is_in_time_and_says_what_it_cost(
    test_set: Path, tiny_system: Path, tmp_path: Path
) -> None:
    # About 110 chunks of 20 ms and more: some 2.5 s without a limit.
    submission = Submission(str(tiny_system), limit=parse_limit("1.5"))
    separation = separate_song(submission, test_set / "song 1", tmp_path, Children())
    assert separation.levels[-1] == "scaled mixture" and separation.limit == 1.5
    assert separation.degraded
    path = tmp_path / "song 1" / "quality.json"
    ladder = [level.label for level in read_quality(path).ladder]
    assert ladder == ["float32", "scaled mixture"]
    assert json.loads(path.read_text())["decisions"][-1]["reason"] == "nothing better fits"
    frames = sf.info(test_set / "song 1" / "mixture.wav").frames
    for source in SOURCES:
        assert sf.info(tmp_path / "song 1" / f"{source}.wav").frames == frames


def test_a_song_fails_under_a_limit_that_nothing_can_meet(
    test_set: Path, tiny_system: Path, tmp_path: Path
) -> None:
    submission = Submission(str(tiny_system), limit=Limit("fixed", 0.001))
    with pytest.raises(SongFailed, match=r"0\.001 s"):
        separate_song(submission, test_set / "song 1", tmp_path, Children())
    assert not list((tmp_path / "song 1").glob("*.wav*"))


def test_a_generous_limit_changes_no_byte(song: Path, tiny_system: Path, tmp_path: Path) -> None:
    free = Separator.load(tiny_system, threads=1)
    limited = Separator.load(tiny_system, threads=1, limited=True)
    one = free.separate_file(song, tmp_path / "free")
    two = limited.separate_file(song, tmp_path / "limited", limit=Limit("fixed", 600))
    for source in SOURCES:
        assert one[source].read_bytes() == two[source].read_bytes()
    free.separate_file(song, tmp_path / "limited")
    for folder in ("free", "limited"):  # the report of an earlier run is removed
        assert not (tmp_path / folder / "quality.json").exists()
    with pytest.raises(ConfigError, match="limit: got fixed:600, expected none; load with limited"):
        free.separate_file(song, tmp_path / "free", limit=Limit("fixed", 600))


@pytest.mark.usefixtures("slow")
@pytest.mark.skipif(not hasattr(os, "fork"), reason="the kit needs SIGALRM")
def test_under_the_kit_s_own_alarm(
    test_set: Path, tiny_system: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = tmp_path / "submission"
    (house / "evaluator").mkdir(parents=True)
    shutil.copy(ROOT / "predict.py", house)
    (house / "evaluator" / "__init__.py").touch()
    shutil.copy(Path(__file__).with_name("kit.py"), house / "evaluator" / "music_demixing.py")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path / 'site'}{os.pathsep}{house}{os.pathsep}{ROOT}")
    monkeypatch.setenv("SLOW", "0.1")  # some 11 s without a limit
    env = dict(os.environ, MDX_SYSTEM=str(tiny_system), TEST_DATASET_PATH=str(test_set))
    env |= {"RESULTS_DATASET_PATH": str(tmp_path / "out")}
    env |= {"INFERENCE_PER_MUSIC_TIMEOUT_SECONDS": "3", "PARTIAL_RUN_MUSIC_NAMES": "song 2"}
    command = [sys.executable, str(house / "predict.py")]
    child = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert child.returncode == 0, child.stderr
    assert "kit: song 2 in time" in child.stdout
    assert {path.name for path in (tmp_path / "out" / "song 2").glob("*.wav")} == {
        f"{source}.wav" for source in SOURCES
    }
    assert read_quality(tmp_path / "out" / "song 2" / "quality.json").labels[-1] == "scaled mixture"


def test_the_clock_does_jump() -> None:
    env = dict(os.environ, PYTHONPATH=str(JUMPING_CLOCK))
    code = "import time; print(time.time(), time.time(), time.monotonic(), time.monotonic())"
    child = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, check=True)
    first, second, one, two = map(float, child.stdout.split())
    assert second - first > 3000 and two - one < 1000


def test_cases_of_an_audit() -> None:
    cases = make_cases(LIMITS, [2, 8], [1, 999])
    here = len({1, available_cpus()})
    assert len(cases) == 2 * (3 * here + 3)
    assert {case.fault for case in cases} == {"none", "freeze", "load", "clock"}
    assert all(case.slowdown == 1 for case in cases if case.fault != "none")


@pytest.mark.parametrize("text", ["", "0.5", "2,x", "nan", "-1"])
def test_numbers_of_an_audit_are_at_least_one(text: str) -> None:
    with pytest.raises(ConfigError, match="--slowdown: got"):
        parse_numbers(text, "--slowdown")
    assert parse_numbers("1,2.5", "--slowdown") == [1.0, 2.5]


@pytest.mark.usefixtures("slow")
@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_an_audit_reports_the_quality_on_every_machine(
    test_set: Path, tiny_system: Path, tmp_path: Path
) -> None:
    songs = find_test_set(test_set, tmp_path).songs[:1]
    cases = [Case(parse_limit(limit), 1) for limit in ("fixed:60", "fixed:1.5", "fixed:0.001")]
    cases += [Case(parse_limit("fixed:20"), 1, fault=fault) for fault in ("freeze", "clock")]
    done: list[None] = []
    rows = run_audit(
        read_systems([str(tiny_system)]), songs, cases, tmp_path / "out",
        Options(subtype="FLOAT"), Children(), lambda: done.append(None),
    ).rows  # fmt: skip
    free, degraded, late, frozen, jumping = rows
    assert len(done) == 5
    stem = tmp_path / "out" / "tiny" / songs[0].name / "bass.wav"
    assert sf.info(stem).subtype == "FLOAT"
    assert free["levels"] == ["float32"] and 0 < free["share"] < 1
    assert degraded["levels"][-1] == "scaled mixture"
    assert degraded["sdr"] > free["sdr"]  # random networks are worse than the mixture
    assert late["levels"] == [] and "0.001 s" in late["error"] and late["sdr"] is None
    assert frozen["seconds"] > 6 and frozen["error"] is None
    assert jumping["error"] is None and jumping["levels"] == free["levels"]
    assert jumping["sdr"] == free["sdr"]
    table = audit_table(rows)
    assert "1 of 5 runs late or failed" in table
    assert len({line.count("|") for line in table.splitlines() if line.startswith("|")}) == 1


def test_an_audit_runs_what_the_options_say(
    test_set: Path, tiny_system: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(submission: Submission, *_: object) -> None:
        assert submission.spend_budget and submission.subtype == "PCM_24"
        raise SongFailed("a song", got="a try", expected="none")

    monkeypatch.setattr("evaluator.audit.separate_song", refuse)
    songs = find_test_set(test_set, tmp_path).songs[:1]
    options = Options(subtype="PCM_24", spend_budget=True)
    (row,) = run_audit(
        read_systems([str(tiny_system)]), songs, [Case(parse_limit("none"), 1)], tmp_path / "out",
        options, Children(), lambda: None,
    ).rows  # fmt: skip
    assert row["error"] == "a song: got a try, expected none"


def test_a_score_of_0_db_is_a_score() -> None:
    row = {
        "system": "tiny", "song": "silence", "limit": "fixed:240", "cpus": 1, "slowdown": 1.0,
        "fault": "none", "levels": ["float32"], "seconds": 1.0, "share": 0.1, "margin": 9.0,
        "sdr": 0.0, "error": None,
    }  # fmt: skip
    line = audit_table([row, {**row, "sdr": -1.5}, {**row, "system": "other"}]).splitlines()
    assert [text.split("|")[-2].strip() for text in line[2:5]] == ["0.00", "1.50", "0.00"]
    assert [text.split("|")[1].strip() for text in line[2:5]] == ["tiny", "tiny", "other"]


@pytest.mark.usefixtures("slow")
def test_scores_of_degraded_songs_are_marked(
    test_set: Path, tiny_system: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    arguments = ["--songs", str(test_set), "--system", str(tiny_system), "--out", str(out)]
    assert main([*arguments, "--limit", "1.5", "--excerpt", "0", "--timing"]) == 0
    printed = capsys.readouterr().out
    assert (
        "degraded by its limit: song 1, " in printed
        and "2 of 2 songs degraded by the limit" in printed
    )
    report = read_report(out)
    assert "global SDR in dB; limit: 1.5 s\n" in printed
    assert report["timing"]["systems"][0]["limit"] == "fixed:1.5"
    for row in report["timing"]["systems"][0]["songs"]:
        (line,) = (line for line in printed.splitlines() if line.startswith(f"| {row['song']}")
                   and "dB" not in line and line.count("|") == 9)  # fmt: skip
        assert line.split("|")[-2].split() == [f"{100 * row['seconds'][0] / 1.5:.0f}", "%"]
    assert report["systems"][0]["marks"] == ["2 of 2 songs degraded by the limit"]
    assert all(song["degraded"] for song in report["timing"]["systems"][0]["songs"])
