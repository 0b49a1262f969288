"""Scores for another program: the same as the evaluator's, or the reason why there are none."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile as sf

from evaluator.scores import score_files, score_pairs
from mdx.errors import AudioError
from mdx.systems.spec import SAMPLE_RATE, SOURCES
from tests.tiny import noise

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def estimates(test_set: Path, tmp_path: Path) -> dict[str, Path]:
    """Estimates for the first song, with its length."""
    samples = sf.info(test_set / "song 1" / "mixture.wav").frames
    paths = {source: tmp_path / f"{source}.wav" for source in SOURCES}
    for seed, path in enumerate(paths.values()):
        sf.write(path, noise(samples, seed=seed).T, SAMPLE_RATE)
    return paths


def references(test_set: Path) -> dict[str, Path]:
    """The true stems of the first song."""
    return {source: test_set / "song 1" / f"{source}.wav" for source in SOURCES}


def test_pairs_score_as_a_song_does(
    test_set: Path, estimates: dict[str, Path], tmp_path: Path
) -> None:
    whole = score_files(test_set / "song 1", estimates, tmp_path / "frames.json")
    assert score_pairs(references(test_set), estimates) == whole
    some = {source: estimates[source] for source in ("bass", "vocals")}
    found = score_pairs(references(test_set), some)
    for metric in whole:  # on the frames in which all true stems are heard
        assert found[metric]["bass"] == whole[metric]["bass"]
    assert found["sdr"]["drums"] is None and found["sdr"]["song"] is None
    same = score_pairs(some, estimates)["sdr"]["bass"]
    assert same is not None and same > 100  # against itself


def test_stems_of_another_length_are_refused(test_set: Path, estimates: dict[str, Path]) -> None:
    sf.write(estimates["bass"], noise(1000).T, SAMPLE_RATE)
    with pytest.raises(AudioError, match="got 1000 samples"):
        score_pairs(references(test_set), estimates)


def test_the_command_answers_in_json(test_set: Path, estimates: dict[str, Path]) -> None:
    def ask(paths: dict[str, Path]) -> dict[str, object]:
        asked = {"references": references(test_set), "estimates": paths}
        child = subprocess.run(
            [sys.executable, "-m", "evaluator.score_song"], input=json.dumps(asked, default=str),
            cwd=ROOT, capture_output=True, text=True, check=True,
        )  # fmt: skip
        found: dict[str, object] = json.loads(child.stdout)
        return found

    assert ask(estimates) == score_pairs(references(test_set), estimates)
    missing = ask(estimates | {"bass": test_set / "nothing.wav"})
    assert "nothing.wav: got no file" in str(missing["error"])
