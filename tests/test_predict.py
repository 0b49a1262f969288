"""`predict.py` in the challenge: the grader's contract, its notifications, and what is imported."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import soundfile as sf

from evaluator import aicrowd_helpers
from mdx.systems.spec import SOURCES
from tests.predicting import ROOT, run


def test_a_python_without_the_packages_says_where_there_is_one() -> None:
    command = [sys.executable, "-S", str(ROOT / "predict.py")]
    child = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert child.returncode == 1 and child.stderr.count("\n") == 1
    assert "got no package 'soundfile'" in child.stderr and "make demo" in child.stderr


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


def test_no_songs_for_the_challenge(tmp_path: Path, tiny_system: Path) -> None:
    child = run(MDX_SYSTEM=tiny_system, TEST_DATASET_PATH=tmp_path / "nosuch")
    assert child.returncode == 1
    assert child.stderr.startswith("error: TEST_DATASET_PATH") and child.stderr.count("\n") == 1
