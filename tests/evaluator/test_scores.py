"""Invalid stems are named in errors, and scores are complete or absent."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from evaluator.scores import mean_scores, score_files, score_stems
from mdx.errors import AudioError
from mdx.systems.spec import SOURCES


@pytest.fixture
def stems(test_set: Path, tmp_path: Path) -> Path:
    """Stems of a perfect submission."""
    return Path(shutil.copytree(test_set / "song 1", tmp_path / "stems"))


@pytest.mark.parametrize("damage", ["missing", "rate", "mono", "length", "unreadable", "folder"])
def test_a_bad_estimate_is_named(test_set: Path, stems: Path, tmp_path: Path, damage: str) -> None:
    path = stems / "vocals.wav"
    audio, rate = sf.read(path)
    if damage in ("missing", "folder"):
        path.unlink()
    if damage == "folder":
        path.mkdir()
    elif damage == "unreadable":
        path.write_bytes(b"RIFF")
    elif damage != "missing":
        changed = {"rate": audio, "mono": audio[:, 0], "length": audio[:-1]}[damage]
        sf.write(path, changed, 48000 if damage == "rate" else rate)
    with pytest.raises(AudioError) as caught:
        score_stems(test_set / "song 1", stems, tmp_path / "frames.json")
    error = str(caught.value)
    assert error.startswith(f"{path}: got ") and "a stem to be scored" in error
    assert not (tmp_path / "frames.json").exists()


@pytest.mark.parametrize(
    ("peak", "told"),
    [(1.01e9, "a peak of 1.01e"), (np.inf, "NaN or inf"), (np.nan, "NaN or inf"), (0.99e9, None)],
)
def test_an_estimate_that_is_no_audio_is_named(
    test_set: Path, stems: Path, tmp_path: Path, peak: float, told: str | None
) -> None:
    audio, rate = sf.read(stems / "bass.wav")
    audio[100, 1] = peak
    sf.write(stems / "bass.wav", audio, rate, subtype="DOUBLE")
    if told:
        with pytest.raises(AudioError, match=rf"bass\.wav: got {told}.*full scale of 1"):
            score_stems(test_set / "song 1", stems, tmp_path / "frames.json")
    else:
        found = score_stems(test_set / "song 1", stems, tmp_path / "frames.json")["sdr"]["bass"]
        assert found is not None and found < -100


def test_perfect_and_silent_estimates(test_set: Path, stems: Path, tmp_path: Path) -> None:
    perfect = score_stems(test_set / "song 1", stems, tmp_path / "frames.json")
    assert all(value is not None and value > 80 for value in perfect["sdr"].values())
    assert set(perfect["sdr_median_of_frames"].values()) == {None}  # no frame has an error
    audio, rate = sf.read(stems / "bass.wav")
    sf.write(stems / "bass.wav", 0 * audio, rate)
    files = {source: stems / f"{source}.wav" for source in SOURCES}
    silent = score_files(test_set / "song 1", files, tmp_path / "frames.json", full=True)
    assert silent["sdr"]["bass"] == pytest.approx(0, abs=1e-4)  # the error is the reference
    assert set(silent["sdr_median_of_frames"].values()) == {None}  # museval drops its frames


def test_the_mean_over_songs_is_the_leaderboard_s() -> None:
    rng = np.random.default_rng(0)
    columns = ("song", "bass", "drums", "other", "vocals")
    songs = [
        {metric: dict(zip(columns, rng.normal(size=5).tolist(), strict=True))
         for metric in ("sdr", "sdr_median_of_frames")}
        for _ in range(4)
    ]  # fmt: skip
    mean = mean_scores(songs)
    for column in columns:
        expected = sum(song["sdr"][column] for song in songs) / 4
        assert mean["sdr"][column] == pytest.approx(expected, abs=1e-6)
    medians = [sorted(s["sdr_median_of_frames"][c] for s in songs) for c in columns[1:]]
    expected = [(values[1] + values[2]) / 2 for values in medians]
    found = mean["sdr_median_of_frames"]
    assert [found[c] for c in columns[1:]] == pytest.approx(expected, abs=1e-6)
    assert found["song"] == pytest.approx(sum(expected) / 4, abs=1e-6)


def test_a_stem_that_some_songs_lack_has_no_mean_and_no_median() -> None:
    scored = dict.fromkeys(("song", *SOURCES), 5.0)
    without = {**scored, "song": None, "bass": None}
    no_frames = dict.fromkeys(scored)
    mean = mean_scores([
        {"sdr": scored, "sdr_median_of_frames": scored},
        {"sdr": scored, "sdr_median_of_frames": no_frames},  # silent: left out, as in museval
    ])  # fmt: skip
    assert mean["sdr_median_of_frames"] == scored
    mean = mean_scores([
        {"sdr": scored, "sdr_median_of_frames": scored},
        {"sdr": without, "sdr_median_of_frames": without},
    ])  # fmt: skip
    assert mean == dict.fromkeys(("sdr", "sdr_median_of_frames"), without)
