"""The contract of the starter kit, and the errors of submissions that break it."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from evaluator.music_demixing import MusicDemixingPredictor
from mdx.errors import MdxError
from mdx.systems.spec import SOURCES


class Copies(MusicDemixingPredictor):
    """Writes the mixture as every stem, unless told to misbehave."""

    missing: str | None = None
    shorten = 0
    seen: list[str]

    def prediction_setup(self) -> None:
        self.seen = []

    def prediction(
        self,
        mixture_file_path: str,
        bass_file_path: str,
        drums_file_path: str,
        other_file_path: str,
        vocals_file_path: str,
    ) -> None:
        audio, rate = sf.read(mixture_file_path)
        self.seen.append(Path(mixture_file_path).parent.name)
        for path in (bass_file_path, drums_file_path, other_file_path, vocals_file_path):
            if Path(path).stem != self.missing:
                sf.write(path, audio[self.shorten :], rate)


@pytest.fixture
def results(test_set: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The results folder, with an environment that points to the test set."""
    monkeypatch.setenv("TEST_DATASET_PATH", str(test_set))
    monkeypatch.setenv("RESULTS_DATASET_PATH", str(tmp_path / "results"))
    monkeypatch.setenv("EVENTS_PATH", str(tmp_path / "events.jsonl"))
    for name in ("AICROWD_IS_GRADING", "PARTIAL_RUN_MUSIC_NAMES"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "results"


def test_every_song_gets_four_stems_and_a_time(results: Path) -> None:
    submission = Copies()
    submission.run()
    assert submission.seen == ["song 1", "song 2"]
    names = {str(path.relative_to(results)) for path in results.rglob("*.wav")}
    assert names == {f"song {n}/{source}.wav" for n in (1, 2) for source in SOURCES}
    lines = (results.parent / "events.jsonl").read_text().splitlines()
    events = [json.loads(line) for line in lines]
    assert [event["event"] for event in events] == [
        "execution_start", "setup_done",
        "execution_running", "song_done", "execution_running", "song_done",
        "execution_success",
    ]  # fmt: skip
    timed = [event for event in events if "seconds" in event]
    assert [(event.get("song"), event["limit"]) for event in timed] == [
        (None, 900), ("song 1", 240), ("song 2", 240),
    ]  # fmt: skip


@pytest.mark.parametrize("names", ["song 2", "song 2,"])
def test_a_partial_run(results: Path, monkeypatch: pytest.MonkeyPatch, names: str) -> None:
    monkeypatch.setenv("PARTIAL_RUN_MUSIC_NAMES", names)
    submission = Copies()
    submission.run()
    assert submission.seen == ["song 2"]


@pytest.mark.parametrize("name", ["../song 1", "..", "nosuch", "song 1/../song 2"])
def test_a_partial_run_cannot_leave_the_folder(
    results: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("PARTIAL_RUN_MUSIC_NAMES", name)
    with pytest.raises(MdxError, match=r"track name|no mixture\.wav"):
        Copies().run()
    assert not results.exists()


def test_a_missing_stem_fails(results: Path) -> None:
    submission = Copies()
    submission.missing = "drums"
    with pytest.raises(MdxError, match=r"drums\.wav: got no file"):
        submission.run()


def test_a_stem_of_another_length_fails(results: Path) -> None:
    submission = Copies()
    submission.shorten = 1
    with pytest.raises(MdxError, match=r"bass\.wav: got 44199 samples, expected 44200"):
        submission.run()


def test_a_file_that_is_no_wav_fails(results: Path, test_set: Path) -> None:
    class WritesWhatItReads(Copies):
        """Copies the bytes, whatever they are."""

        def prediction(self, mixture_file_path: str, **stems: str) -> None:  # type: ignore[override]
            for path in stems.values():
                Path(path).write_bytes(Path(mixture_file_path).read_bytes())

    mixture = test_set / "song 1" / "mixture.wav"
    mixture.write_bytes(b"\0\0\0\x18ftypmp42")
    with pytest.raises(MdxError, match=r"mixture\.wav: got no readable file .*, expected WAV"):
        WritesWhatItReads().run()


def test_a_late_song_fails(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INFERENCE_PER_MUSIC_TIMEOUT_SECONDS", "3")
    clock = iter([0.0, 0.0, 0.0, 3.5])  # setup from 0 to 0, the song from 0 to 3.5
    monkeypatch.setattr("evaluator.music_demixing.time.monotonic", lambda: next(clock))
    with pytest.raises(MdxError, match=r"song 1: got 3\.5 s, expected at most 3 s"):
        Copies().run()


def test_while_grading_a_failure_is_reported_not_raised(
    results: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AICROWD_IS_GRADING", "True")
    submission = Copies()
    submission.missing = "drums"
    submission.run()
    assert "drums.wav: got no file" in capsys.readouterr().err
    last = json.loads((results.parent / "events.jsonl").read_text().splitlines()[-1])
    assert last["event"] == "execution_error"


def test_no_songs(tmp_path: Path, results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_DATASET_PATH", str(tmp_path / "nosuch"))
    with pytest.raises(MdxError, match="TEST_DATASET_PATH"):
        Copies().run()
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv("TEST_DATASET_PATH", str(tmp_path / "empty"))
    with pytest.raises(MdxError, match="no song"):
        Copies().run()


@pytest.mark.parametrize("value", ["1.5", "soon", "-3"])
def test_a_limit_must_be_a_whole_number(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("INFERENCE_PER_MUSIC_TIMEOUT_SECONDS", value)
    with pytest.raises(MdxError, match="INFERENCE_PER_MUSIC_TIMEOUT_SECONDS"):
        Copies()


def test_setup_is_optional(results: Path) -> None:
    class WithoutSetup(Copies):
        seen = []  # noqa: RUF012

        def prediction_setup(self) -> None:
            raise NotImplementedError

    WithoutSetup().run()
    assert len(list(results.rglob("*.wav"))) == 8


def test_results_that_cannot_be_written(results: Path) -> None:
    results.write_text("a file")
    with pytest.raises(MdxError, match="expected a writable folder"):
        Copies().run()


def test_a_submission_must_predict(results: Path) -> None:
    with pytest.raises(NotImplementedError):
        MusicDemixingPredictor().run()
    assert np.all([not list(folder.iterdir()) for folder in results.iterdir()])
