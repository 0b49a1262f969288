"""Score files: museval's tools read ours, and we read museval's."""

import json
import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest

from evaluator.metrics import Frames
from evaluator.run import main
from evaluator.score_files import METRICS, aggregate, write_score_file
from mdx.errors import AudioError, OutputError
from mdx.systems.spec import SOURCES

needs_museval = pytest.mark.skipif(
    not (shutil.which("ffmpeg") and shutil.which("ffprobe")),
    reason="museval imports musdb, which needs ffmpeg",
)


def random_frames(seed: int, count: int) -> dict[str, Frames]:
    """Framewise SDR of four sources; some frames do not count, one is without error."""
    rng = np.random.default_rng(seed)
    frames = {source: 5 * rng.standard_normal(count) for source in SOURCES}
    silent = rng.random(count) < 0.2
    for values in frames.values():
        values[silent] = np.nan
    frames["bass"][count // 2] = np.inf
    return frames


def sdr_only(frames: dict[str, Frames]) -> dict[str, dict[str, Frames]]:
    """Framewise SDR as scores by target and metric."""
    return {target: {"SDR": values} for target, values in frames.items()}


@needs_museval
@pytest.mark.filterwarnings("ignore")
def test_museval_reads_what_we_write_and_agrees_on_the_medians(tmp_path: Path) -> None:
    import museval

    for seed in range(5):
        write_score_file(
            tmp_path / "test" / f"track {seed}.json", sdr_only(random_frames(seed, 20 + seed))
        )
    store = museval.EvalStore()
    store.add_eval_dir(tmp_path)
    expected = store.agg_frames_tracks_scores()
    tracks, medians = aggregate(tmp_path)
    assert tracks == 5 and sorted(medians) == sorted(SOURCES)
    for source in SOURCES:
        assert medians[source]["SDR"] == pytest.approx(expected[source]["SDR"], abs=1e-12)
        assert [medians[source][metric] for metric in METRICS[1:]] == [None] * 3


@needs_museval
@pytest.mark.filterwarnings("ignore")
def test_we_read_what_museval_writes_nan_included(tmp_path: Path) -> None:
    import museval

    for seed in range(4):
        store = museval.TrackStore(f"track {seed}")
        rng = np.random.default_rng(seed)
        for target in ("vocals", "accompaniment"):
            values = {metric: rng.standard_normal(11) for metric in METRICS}
            values["SDR"][3] = values["ISR"][3] = np.inf  # becomes a bare NaN in the file
            store.add_target(target, values)
        (tmp_path / "test").mkdir(exist_ok=True)
        store.save(tmp_path / "test" / f"track {seed}.json")
    assert "NaN" in (tmp_path / "test" / "track 0.json").read_text()
    everything = museval.EvalStore()
    everything.add_eval_dir(tmp_path)
    expected = everything.agg_frames_tracks_scores()
    _, medians = aggregate(tmp_path)
    for target in ("vocals", "accompaniment"):
        for metric in METRICS:
            assert medians[target][metric] == pytest.approx(expected[target][metric], abs=1e-12)


@needs_museval
def test_a_file_is_valid_in_museval_s_schema_except_for_null(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import museval
    frames = {source: np.array([1.0, -2.5]) for source in SOURCES}
    write_score_file(tmp_path / "a.json", sdr_only(frames))
    scores = json.loads((tmp_path / "a.json").read_text())
    for target in scores["targets"]:
        for frame in target["frames"]:
            frame["metrics"] = {k: v for k, v in frame["metrics"].items() if v is not None}
    store = museval.TrackStore("a")
    store.scores = scores
    store.validate()
    assert scores["targets"][0]["frames"][1] == {
        "time": 1.0, "duration": 1.0, "metrics": {"SDR": -2.5},
    }  # fmt: skip


def test_all_metrics_come_back(tmp_path: Path) -> None:
    scores = {"bass": {m: np.array([float(n), 3.0 * n]) for n, m in enumerate(METRICS)}}
    write_score_file(tmp_path / "a.json", scores)
    _, medians = aggregate(tmp_path)
    assert medians == {"bass": {"SDR": 0.0, "ISR": 2.0, "SIR": 4.0, "SAR": 6.0}}


def test_values_are_rounded_and_never_nan(tmp_path: Path) -> None:
    write_score_file(
        tmp_path / "a.json", sdr_only({"bass": np.array([1.23456789, np.nan, np.inf])})
    )
    text = (tmp_path / "a.json").read_text()
    assert "NaN" not in text and "Infinity" not in text
    frames = json.loads(text)["targets"][0]["frames"]
    assert [frame["metrics"]["SDR"] for frame in frames] == [1.23457, None, None]
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_a_track_without_a_target_does_not_count_for_it(tmp_path: Path) -> None:
    write_score_file(
        tmp_path / "a.json", sdr_only({"bass": np.array([1.0]), "vocals": np.array([9.0])})
    )
    write_score_file(tmp_path / "b.json", sdr_only({"bass": np.array([3.0])}))
    _, medians = aggregate(tmp_path)
    assert (medians["bass"]["SDR"], medians["vocals"]["SDR"]) == (2.0, 9.0)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"targets": 3}', '{"targets": [{"name": "x", "frames": [{}]}]}']
)
def test_another_schema_is_refused_by_name(
    tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "x.json").write_text(text)
    assert main(["--aggregate", str(tmp_path)]) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"error: {tmp_path / 'x.json'}: got ") and error.count("\n") == 1


def test_no_files_and_duplicate_tracks_are_refused(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match="no score file"):
        aggregate(tmp_path)
    for folder in ("a", "b"):
        write_score_file(tmp_path / folder / "x.json", sdr_only({"bass": np.array([1.0])}))
    with pytest.raises(AudioError, match="two tracks 'x'"):
        aggregate(tmp_path)


def test_a_file_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="writable"):
        write_score_file(tmp_path / "file" / "x.json", sdr_only({"bass": np.array([1.0])}))


def test_the_command_prints_the_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_score_file(
        tmp_path / "a.json", sdr_only({"bass": np.array([1.0]), "vocals": np.array([2.0])})
    )
    assert main(["--aggregate", str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"tracks of {tmp_path}: 1")
    assert lines[-1].split() == ["|", "mean", "|", "1.50", "|", "-", "|", "-", "|", "-", "|"]


def test_the_mean_leaves_out_the_sum_of_stems(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # SiSEC's files also have the accompaniment, which is the sum of three stems.
    values = {"bass": 7.0, "drums": 8.0, "other": 7.8, "vocals": 10.0, "accompaniment": 15.7}
    scores = {target: {"SDR": np.array([value])} for target, value in values.items()}
    write_score_file(tmp_path / "a.json", scores)
    assert main(["--aggregate", str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1].split()[1:4] == ["mean", "|", "8.20"]
    assert any("accompaniment" in line and "15.70" in line for line in lines)
    write_score_file(tmp_path / "a.json", {"accompaniment": scores["accompaniment"]})
    assert main(["--aggregate", str(tmp_path)]) == 0
    assert capsys.readouterr().out.splitlines()[-1].split()[1:4] == ["mean", "|", "-"]
