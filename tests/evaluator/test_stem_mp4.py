"""MUSDB18's .stem.mp4: decoded exactly once, and errors for files that are none."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from evaluator.run import main
from evaluator.stem_mp4 import STREAMS, decode_track, decode_tracks
from mdx.errors import AudioError, ConfigError, OutputError
from mdx.systems.spec import SAMPLE_RATE

needs_ffmpeg = pytest.mark.skipif(
    not (shutil.which("ffmpeg") and shutil.which("ffprobe")), reason="musdb needs ffmpeg"
)


def write_stem_mp4(path: Path, streams: int = len(STREAMS), rate: int = SAMPLE_RATE) -> None:
    """Write a STEMS file like MUSDB18's, in AAC, with a different tone in each stream."""
    path.parent.mkdir(parents=True, exist_ok=True)
    command = ["ffmpeg", "-loglevel", "error", "-y"]
    for index in range(streams):
        tone = f"sine=frequency={220 * (index + 1)}:sample_rate={rate}:duration=1"
        command += ["-f", "lavfi", "-i", tone]
    for index in range(streams):
        command += ["-map", f"{index}:a"]
    subprocess.run([*command, "-ac", "2", "-c:a", "aac", str(path)], check=True)


@needs_ffmpeg
@pytest.mark.filterwarnings("ignore")  # stempeg's own
def test_stem_mp4_is_decoded_in_musdb18_s_order(
    tmp_path: Path, tiny_system: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_stem_mp4(tmp_path / "musdb" / "test" / "A - B.stem.mp4")
    out = tmp_path / "out"
    arguments = ["--songs", str(tmp_path / "musdb"), "--system", str(tiny_system)]
    assert main([*arguments, "--out", str(out)]) == 0, capsys.readouterr().err
    folder = out / "songs" / "test" / "A - B"
    for index, name in enumerate(STREAMS):
        audio, rate = sf.read(folder / f"{name}.wav")
        assert (rate, audio.shape[1]) == (SAMPLE_RATE, 2)
        spectrum = np.abs(np.fft.rfft(audio[:SAMPLE_RATE, 0]))
        assert np.argmax(spectrum) == pytest.approx(220 * (index + 1), abs=2)
    assert not list(out.rglob(".*.part"))
    assert "A - B" in (out / "report.json").read_text()


@needs_ffmpeg
@pytest.mark.filterwarnings("ignore")
def test_decoded_samples_are_exactly_musdb_s(tmp_path: Path) -> None:
    from musdb.audio_classes import Track

    write_stem_mp4(tmp_path / "a.stem.mp4")
    decode_track(tmp_path / "a.stem.mp4", tmp_path / "a")
    expected = Track(path=str(tmp_path / "a.stem.mp4"), stem_id=4).audio
    got, _ = sf.read(tmp_path / "a" / "vocals.wav")
    np.testing.assert_array_equal(got, expected)


@needs_ffmpeg
@pytest.mark.filterwarnings("ignore")
def test_a_track_is_decoded_once_until_it_changes(tmp_path: Path) -> None:
    archive, folder = tmp_path / "a.stem.mp4", tmp_path / "a"
    write_stem_mp4(archive)
    decode_track(archive, folder)
    (folder / "mark").write_text("")
    decode_track(archive, folder)
    assert (folder / "mark").exists()
    write_stem_mp4(archive)
    os.utime(archive, (1e9, 1e9))  # as old as a file of an archive may be
    decode_track(archive, folder)
    assert not (folder / "mark").exists()
    not_audio(archive)
    with pytest.raises(AudioError, match="stream 0"):
        decode_track(archive, folder)
    assert not folder.exists()  # it is another track by now


def not_audio(path: Path) -> None:
    path.write_bytes(b"no audio at all")


@needs_ffmpeg
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("make", "message"),
    [
        (not_audio, "stream 0"),
        (lambda path: write_stem_mp4(path, streams=2), "stream"),
        (lambda path: write_stem_mp4(path, rate=48000), "48000"),
    ],
)
def test_a_broken_stem_mp4_is_named(
    tmp_path: Path, make: Callable[[Path], None], message: str
) -> None:
    path = tmp_path / "a.stem.mp4"
    make(path)
    with pytest.raises(AudioError, match=message) as caught:
        decode_track(path, tmp_path / "a")
    assert str(path) in str(caught.value) and not (tmp_path / "a").exists()
    assert [p.name for p in tmp_path.iterdir()] == ["a.stem.mp4"]


@needs_ffmpeg
@pytest.mark.filterwarnings("ignore")
def test_a_broken_track_does_not_affect_others(
    tmp_path: Path, tiny_system: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_stem_mp4(tmp_path / "musdb" / "test" / "A.stem.mp4")
    not_audio(tmp_path / "musdb" / "test" / "B.stem.mp4")
    out = tmp_path / "out"
    arguments = ["--songs", str(tmp_path / "musdb"), "--system", str(tiny_system)]
    assert main([*arguments, "--out", str(out)]) == 1
    assert "B.stem.mp4: got " in capsys.readouterr().err
    (entry,) = json.loads((out / "report.json").read_text())["systems"]
    assert [row["state"] for row in entry["songs"]] == ["scored", "failed"]


@needs_ffmpeg
@pytest.mark.filterwarnings("ignore")
def test_tracks_decoded_at_once_are_those_decoded_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("evaluator.stem_mp4.available_cpus", lambda: 3)
    folders = {tmp_path / f"{name}.stem.mp4": tmp_path / name for name in "ABC"}
    for archive in folders:
        make = not_audio if archive.name == "B.stem.mp4" else write_stem_mp4
        make(archive)
    errors = list(decode_tracks(folders))
    assert len(errors) == 3
    (error,) = filter(None, errors)
    assert "B.stem.mp4" in str(error) and not (tmp_path / "B").exists()
    decode_track(tmp_path / "A.stem.mp4", tmp_path / "alone")
    for name in "AC":
        for stream in STREAMS:
            wav = f"{stream}.wav"
            assert (tmp_path / name / wav).read_bytes() == (tmp_path / "alone" / wav).read_bytes()


def test_after_an_error_of_the_machine_no_other_track_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = []

    def decode(archive: Path, folder: Path) -> None:
        begun.append(archive)
        if len(begun) > 1:
            time.sleep(0.5)  # the first error is raised meanwhile
        raise OutputError(folder, got="no room", expected="some")

    monkeypatch.setattr("evaluator.stem_mp4.decode_track", decode)
    monkeypatch.setattr("evaluator.stem_mp4.available_cpus", lambda: 1)
    folders = {tmp_path / f"{number}": tmp_path for number in range(100)}
    with pytest.raises(OutputError, match="no room"):
        list(decode_tracks(folders))
    assert len(begun) < 100


def test_without_ffmpeg_the_error_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "a.stem.mp4").write_bytes(b"")
    with pytest.raises(ConfigError, match=r"no ffmpeg and ffprobe.*apt-get install ffmpeg"):
        decode_track(tmp_path / "a.stem.mp4", tmp_path / "a")


def test_a_full_disk_is_reported_before_decoding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.stem.mp4").write_bytes(bytes(1000))
    usage = shutil.disk_usage(tmp_path)._replace(free=10)
    monkeypatch.setattr("evaluator.stem_mp4.shutil.disk_usage", lambda path: usage)
    with pytest.raises(OutputError, match="got 0 MB free"):
        decode_track(tmp_path / "a.stem.mp4", tmp_path / "a")
    assert not (tmp_path / "a").exists()
