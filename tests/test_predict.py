"""`predict.py` from the command line: the challenge, the user's own songs, and bad input."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile as sf
import yaml

from evaluator import aicrowd_helpers
from mdx.systems.find import system_names
from mdx.systems.spec import SAMPLE_RATE, SOURCES
from tests.tiny import noise

ROOT = Path(__file__).resolve().parent.parent


def run(*arguments: object, root: Path = ROOT, **env: object) -> "subprocess.CompletedProcess[str]":
    """Run predict.py in a child process, as users and the grader do."""
    inherited = {
        key: value
        for key, value in os.environ.items()
        if key not in ("AICROWD_IS_GRADING", "PARTIAL_RUN_MUSIC_NAMES")
    }
    return subprocess.run(
        [sys.executable, str(root / "predict.py"), *map(str, arguments)],
        cwd=root,
        env=inherited | {key: str(value) for key, value in env.items()},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_python_without_the_packages_says_where_there_is_one() -> None:
    command = [sys.executable, "-S", str(ROOT / "predict.py")]
    child = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert child.returncode == 1 and child.stderr.count("\n") == 1
    assert "got no package 'soundfile'" in child.stderr and "make demo" in child.stderr


def test_the_user_s_own_songs(tiny_system: Path, song: Path, tmp_path: Path) -> None:
    second = song.with_name("another.flac")
    sf.write(second, noise(9000)[0], 22050)
    out = tmp_path / "out"
    child = run(song, second, "-o", out, "--system", tiny_system, "--int24")
    assert child.returncode == 0, child.stderr
    assert child.stdout.splitlines() == [str(out / "song"), str(out / "another")]
    for name, rate, samples in (("song", SAMPLE_RATE, SAMPLE_RATE // 2), ("another", 22050, 9000)):
        assert {path.name for path in (out / name).iterdir()} == {f"{s}.wav" for s in SOURCES}
        info = sf.info(out / name / "vocals.wav")
        assert (info.samplerate, info.frames, info.subtype) == (rate, samples, "PCM_24")


def test_single_stems_are_made_without_the_mixer(
    tiny_copy: Path, song: Path, tmp_path: Path
) -> None:
    wanted = ["--source", "vocals", "--source", "drums"]
    child = run(song, "-o", tmp_path, "--system", tiny_copy, *wanted, "--int24")
    assert child.returncode == 0, child.stderr
    assert {path.name for path in (tmp_path / "song").iterdir()} == {"vocals.wav", "drums.wav"}
    system = yaml.safe_load(tiny_copy.read_text())
    del system["combine"]
    tiny_copy.write_text(yaml.safe_dump(system))
    assert run(song, "-o", tmp_path / "all", "--system", tiny_copy, "--int24").returncode == 0
    for source in ("vocals", "drums"):
        alone, together = (
            (folder / "song" / f"{source}.wav").read_bytes()
            for folder in (tmp_path, tmp_path / "all")
        )
        assert alone == together


def test_quality_json_stays_as_long_as_its_stems(tiny_system: Path, tmp_path: Path) -> None:
    song = tmp_path / "song.wav"
    sf.write(song, noise(9000)[0], 22050)
    options = ["-o", tmp_path, "--system", tiny_system]
    quality = tmp_path / "song" / "quality.json"
    assert run(song, *options, "--limit", "600").returncode == 0
    assert json.loads(quality.read_text())["sources"] == list(SOURCES)
    assert run(song, *options, "--source", "vocals").returncode == 0
    assert quality.exists()  # of three stems that are still there
    assert run(song, *options, "--source", "vocals", "--limit", "600").returncode == 0
    assert json.loads(quality.read_text())["sources"] == ["vocals"]
    assert run(song, *options).returncode == 0
    assert not quality.exists()
    assert sf.info(tmp_path / "song" / "vocals.wav").frames == 9000


@pytest.mark.parametrize("arguments", [["--system", "nosuch"], ["-o", "x"], ["--int24"]])
def test_options_without_a_song_do_not_start_the_challenge(arguments: list[str]) -> None:
    child = run(*arguments)
    assert child.returncode == 2 and "name at least one FILE" in child.stderr


def test_one_bad_song_does_not_lose_the_others(
    tiny_system: Path, song: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    child = run(tmp_path / "nosuch.wav", song, "-o", out, "--system", tiny_system)
    assert child.returncode == 1
    assert child.stderr.startswith("error: ") and "nosuch.wav: got no such file" in child.stderr
    assert [path.name for path in out.iterdir()] == ["song"]


def test_the_challenge(test_set: Path, tiny_system: Path, tmp_path: Path) -> None:
    results = tmp_path / "results"
    child = run(MDX_SYSTEM=tiny_system, TEST_DATASET_PATH=test_set, RESULTS_DATASET_PATH=results)
    assert child.returncode == 0, child.stderr
    names = {str(path.relative_to(results)) for path in results.rglob("*.*")}
    files = ["quality.json", *(f"{source}.wav" for source in SOURCES)]
    assert names == {f"song {n}/{file}" for n in (1, 2) for file in files}
    assert sf.info(results / "song 1" / "bass.wav").subtype == "PCM_16"


GRADER = '''
"""A stand-in for the grader's own file: the contract, and nothing else."""
import os
from evaluator import aicrowd_helpers


class MusicDemixingPredictor:
    def prediction_setup(self):
        raise NotImplementedError

    def prediction(self, mixture_file_path, bass_file_path, drums_file_path, other_file_path,
                   vocals_file_path):
        raise NotImplementedError

    def run(self):
        try:
            aicrowd_helpers.execution_start()
            self.evaluation()
            aicrowd_helpers.execution_success()
        except Exception as e:
            aicrowd_helpers.execution_error(str(e))
            if not aicrowd_helpers.is_grading():
                raise e

    def evaluation(self):
        self.prediction_setup()
        aicrowd_helpers.execution_running()
        songs, results = os.environ["TEST_DATASET_PATH"], os.environ["RESULTS_DATASET_PATH"]
        for name in os.listdir(songs):
            os.makedirs(os.path.join(results, name))
            paths = {f"{s}_file_path": os.path.join(results, name, s + ".wav")
                     for s in ("vocals", "bass", "drums", "other")}
            self.prediction(mixture_file_path=os.path.join(songs, name, "mixture.wav"), **paths)
'''


def test_it_needs_nothing_but_the_grader_s_contract(
    test_set: Path, tiny_system: Path, tmp_path: Path
) -> None:
    root = tmp_path / "submission"
    (root / "evaluator").mkdir(parents=True)
    (root / "evaluator" / "music_demixing.py").write_text(GRADER)
    helpers = root / "evaluator" / "aicrowd_helpers.py"
    helpers.write_bytes((ROOT / "evaluator" / "aicrowd_helpers.py").read_bytes())
    for name in ("predict.py", "mdx", "models"):
        (root / name).symlink_to(ROOT / name)
    (root / "predict.py").unlink()
    (root / "predict.py").write_bytes((ROOT / "predict.py").read_bytes())
    env = {"MDX_SYSTEM": tiny_system, "TEST_DATASET_PATH": test_set}
    child = run(root=root, RESULTS_DATASET_PATH=tmp_path / "theirs", **env)
    assert child.returncode == 0, child.stderr
    assert run(RESULTS_DATASET_PATH=tmp_path / "ours", **env).returncode == 0
    for path in (tmp_path / "ours").rglob("*.wav"):
        other = tmp_path / "theirs" / path.relative_to(tmp_path / "ours")
        assert path.read_bytes() == other.read_bytes()


@pytest.mark.parametrize("package", [None, "raises", "works"])
def test_the_challenge_is_notified_if_possible(
    package: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[dict[str, object]] = []

    class Events:
        AICROWD_EVENT_INFO, AICROWD_EVENT_SUCCESS, AICROWD_EVENT_ERROR = "i", "s", "e"

        def register_event(self, **facts: object) -> None:
            if package == "raises":
                raise ConnectionError
            told.append(facts)

    module = SimpleNamespace(AIcrowdEvents=Events) if package else None
    monkeypatch.setitem(sys.modules, "aicrowd_api", module)
    monkeypatch.setitem(sys.modules, "aicrowd_api.events", module)
    monkeypatch.setenv("PREDICTIONS_OUTPUT_PATH", "somewhere")
    monkeypatch.delenv("AICROWD_IS_GRADING", raising=False)
    aicrowd_helpers.execution_start()
    aicrowd_helpers.execution_running()
    aicrowd_helpers.execution_progress(0.5)
    aicrowd_helpers.execution_success()
    aicrowd_helpers.execution_error("why")
    assert not aicrowd_helpers.is_grading()
    kinds = [fact["event_type"] for fact in told]
    assert kinds == (["i", "i", "i", "s", "e"] if package == "works" else [])


def test_nothing_heavy_is_imported_on_the_way(
    test_set: Path, tiny_system: Path, tmp_path: Path
) -> None:
    script = (
        "import sys; sys.argv = ['predict.py']; import predict; code = predict.main([])\n"
        "heavy = {'torch', 'onnx', 'musdb', 'museval', 'pandas', 'av', 'tqdm', 'openvino'}\n"
        "print('imported:', sorted(heavy & set(sys.modules)), code)"
    )
    child = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env=os.environ
        | {
            "MDX_SYSTEM": str(tiny_system),
            "TEST_DATASET_PATH": str(test_set),
            "RESULTS_DATASET_PATH": str(tmp_path / "results"),
            "MDX_LIMIT": "none",  # bf16, to which a limit may lead, is OpenVINO's
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert "imported: [] 0" in child.stdout, child.stderr


def _nan(path: Path) -> None:
    mix = noise(300_000)
    mix[0, 299_999] = np.nan  # found only when most of the song is separated
    sf.write(path, mix.T, SAMPLE_RATE, subtype="FLOAT")


def _directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


BAD_FILES: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing": (lambda path: path.unlink(), "no such file"),
    "no audio": (lambda path: path.write_text("hello " * 99), "got no audio"),
    "zero bytes": (lambda path: path.write_bytes(b""), "got no audio"),
    "zero samples": (lambda path: sf.write(path, np.zeros((0, 2)), 44100), "0 samples"),
    "truncated": (lambda path: path.write_bytes(path.read_bytes()[:99_999]), "truncated"),
    "nan": (_nan, "NaN or infinity at sample 299999"),
    "six channels": (lambda path: sf.write(path, np.ones((99, 6)), 44100), "6 channels"),
    "directory": (_directory, "a folder without audio"),
}


@pytest.mark.parametrize("kind", BAD_FILES)
def test_a_bad_song_is_one_line_and_leaves_nothing(
    kind: str, tiny_system: Path, tmp_path: Path
) -> None:
    change, message = BAD_FILES[kind]
    path = tmp_path / "song.wav"
    sf.write(path, noise(30_000).T, SAMPLE_RATE, subtype="FLOAT")
    change(path)
    child = run(path, "-o", tmp_path / "out", "--system", tiny_system)
    assert child.returncode == 1
    lines = child.stderr.splitlines()
    assert len(lines) == 1 and lines[0].startswith("error: ") and message in lines[0]
    assert not list((tmp_path / "out").rglob("*"))


@pytest.mark.skipif(sys.platform == "win32", reason="SIGTERM ends a process at once there")
def test_a_terminated_run_leaves_nothing(tiny_system: Path, tmp_path: Path) -> None:
    song, out = tmp_path / "song.wav", tmp_path / "out"
    sf.write(song, noise(SAMPLE_RATE * 60).T, SAMPLE_RATE)
    command = [sys.executable, str(ROOT / "predict.py"), str(song), "-o", str(out)]
    with subprocess.Popen(
        [*command, "--system", str(tiny_system)], stderr=subprocess.PIPE, text=True
    ) as child:
        while child.poll() is None and not list(out.rglob("*.part")):
            time.sleep(0.01)
        child.terminate()
        _, error = child.communicate(timeout=60)
    assert child.returncode == 128 + signal.SIGTERM
    assert error == "interrupted: the unfinished song has no stems\n"
    assert not list(out.rglob("*"))


def test_a_song_named_dot_dot_stays_in_its_folder(tiny_system: Path, tmp_path: Path) -> None:
    path = tmp_path / "...wav"  # its stem is ".."
    sf.write(path, noise(100).T, SAMPLE_RATE, format="WAV")
    child = run(path, "-o", tmp_path / "a" / "b", "--system", tiny_system)
    assert child.returncode == 1 and "track name" in child.stderr
    assert not (tmp_path / "a").exists()


def test_the_wrong_system_lists_the_right_ones(song: Path, tmp_path: Path) -> None:
    child = run(song, "-o", tmp_path / "out", "--system", "nosuch")
    assert child.returncode == 1
    assert child.stderr == (
        f"error: system: got 'nosuch', expected one of {', '.join(system_names())}; "
        "or give the path of a system's .yaml file\n"
    )


def test_no_songs_for_the_challenge(tmp_path: Path, tiny_system: Path) -> None:
    child = run(MDX_SYSTEM=tiny_system, TEST_DATASET_PATH=tmp_path / "nosuch")
    assert child.returncode == 1
    assert child.stderr.startswith("error: TEST_DATASET_PATH") and child.stderr.count("\n") == 1
