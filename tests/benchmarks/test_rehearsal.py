"""The rehearsal's songs have MUSDB18's size, and its steps continue after an interruption."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from benchmarks.rehearsal.__main__ import RUNS, Steps, summary
from benchmarks.rehearsal.songs import LONGEST, NAMES, compose, durations, pack
from evaluator.json_files import write_json
from evaluator.stem_mp4 import decode_track
from mdx.systems.spec import SAMPLE_RATE


def test_fifty_songs_are_as_long_as_musdb18_s() -> None:
    lengths = durations(50)
    assert sum(lengths) == pytest.approx(3.5 * 3600) and max(lengths) == LONGEST == lengths[0]
    assert min(lengths) > 60 and len(set(lengths)) == 50
    assert durations(1) == [LONGEST]


@pytest.mark.skipif(not shutil.which("ffmpeg"), reason="needs ffmpeg")
def test_songs_are_repeated_exactly_and_packed_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    section = np.random.default_rng(0).integers(-9000, 9000, (len(NAMES), 20_000, 2))
    section[0] = section[1:].sum(axis=0)
    for index, name in enumerate(NAMES):
        path = tmp_path / "composed" / "test" / "song" / f"{name}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        sf.write(path, section[index].clip(-32768, 32767).astype(np.int16), SAMPLE_RATE)
    monkeypatch.setattr("subprocess.run", lambda *_, **__: None)
    compose(tmp_path, 1, scale=1 / LONGEST)
    monkeypatch.undo()
    folder = tmp_path / "hq" / "test" / "song"
    found = {name: sf.read(folder / f"{name}.wav", dtype="int16")[0] for name in NAMES}
    assert all(len(stem) == SAMPLE_RATE for stem in found.values())
    for stem in found.values():
        np.testing.assert_array_equal(stem[20_000:40_000], stem[:20_000])
    pack(tmp_path)
    decode_track(tmp_path / "mp4" / "test" / "song.stem.mp4", tmp_path / "decoded")
    for name, stem in found.items():
        heard = sf.read(tmp_path / "decoded" / f"{name}.wav", dtype="float32")[0][:SAMPLE_RATE]
        true = stem[: len(heard)] / 2**15
        assert np.corrcoef(heard[5000:, 0], true[5000:, 0])[0, 1] > 0.5


def test_a_step_that_is_done_is_not_done_again(tmp_path: Path) -> None:
    calls: list[str] = []

    def broken() -> None:
        calls.append("broken")
        raise KeyboardInterrupt

    for _ in range(2):
        steps = Steps(tmp_path / "steps.json")
        steps.run("one", lambda: calls.append("one"))
        with pytest.raises(KeyboardInterrupt):
            steps.run("two", broken)
    assert calls == ["one", "broken", "broken"]
    assert "two (not finished)" in summary(tmp_path, Steps(tmp_path / "steps.json"))


def test_the_summary_reads_the_reports(tmp_path: Path) -> None:
    name = next(iter(RUNS))
    song = {"median": 60.0, "share_of_round_2_limit": 0.5, "peak_memory": 1e9, "degraded": False}
    other = {**song, "peak_memory": 2e9, "degraded": True}
    report = {"timing": {"systems": [{"songs": [song, other]}]}}
    write_json(tmp_path / name / "report.json", report)
    steps = Steps(tmp_path / "steps.json")
    steps.run(name, lambda: None)
    cells = [cell.strip() for cell in summary(tmp_path, steps).splitlines()[-1].split("|")]
    assert cells[1] == name and cells[3:8] == ["2", "1", "2", "50 %", "2000"]


def test_an_evaluation_in_which_every_song_failed_has_a_row(tmp_path: Path) -> None:
    name = next(iter(RUNS))
    write_json(tmp_path / name / "report.json", {"timing": {"systems": []}})
    steps = Steps(tmp_path / "steps.json")
    steps.run(name, lambda: None)
    cells = [cell.strip() for cell in summary(tmp_path, steps).splitlines()[-1].split("|")]
    assert cells[1] == name and cells[3:9] == ["-"] * 6
