"""The supported layouts of test sets, and errors for others."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from evaluator.run import main
from evaluator.stem_mp4 import STREAMS, decode_track
from evaluator.test_sets import TestSet, find_test_set
from mdx.errors import AudioError, ConfigError, OutputError
from mdx.systems.spec import SAMPLE_RATE, SOURCES

KNOWN = (Path(__file__).parents[2] / "evaluator" / "musdb18_test.txt").read_text().splitlines()
needs_ffmpeg = pytest.mark.skipif(
    not (shutil.which("ffmpeg") and shutil.which("ffprobe")), reason="musdb needs ffmpeg"
)


@pytest.fixture(autouse=True)
def _no_musdb_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MUSDB_PATH", raising=False)


def make_songs(folder: Path, *names: str) -> None:
    """Songs of a hundred samples."""
    for name in names:
        (folder / name).mkdir(parents=True)
        for stem in ("mixture", *SOURCES):
            sf.write(folder / name / f"{stem}.wav", np.zeros((100, 2)), SAMPLE_RATE)


def find(root: Path, **options: object) -> TestSet:
    return find_test_set(root, root.parent / "decoded", **options)  # type: ignore[arg-type]


def names(test_set: TestSet) -> list[str]:
    return [song.name for song in test_set.songs]


def test_a_flat_folder_sorted_by_name(tmp_path: Path) -> None:
    make_songs(tmp_path / "mine", "b", "a", "夏 - 1, 2")
    (tmp_path / "mine" / ".hidden").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("no song")
    (tmp_path / "mine" / "empty").mkdir()
    found = find(tmp_path / "mine")
    assert names(found) == ["a", "b", "夏 - 1, 2"]
    assert (found.name, found.whole, found.is_musdb18_test) == ("mine", True, False)
    assert found.songs[0].duration == pytest.approx(100 / SAMPLE_RATE)


def test_the_subsets_of_musdb18_hq(tmp_path: Path) -> None:
    make_songs(tmp_path / "musdb" / "test", *KNOWN)
    make_songs(tmp_path / "musdb" / "train", "A - B")
    found = find(tmp_path / "musdb")
    assert (found.name, found.whole, len(found.songs)) == ("MUSDB18-HQ test", True, 50)
    train = find(tmp_path / "musdb", subset="train")
    assert names(train) == ["A - B"] and not train.is_musdb18_test
    # The folder test itself, as the challenge's layout has it.
    assert find(tmp_path / "musdb" / "test").name == "MUSDB18-HQ test"
    some = find(tmp_path / "musdb", tracks=["BKS*", "PR - Oh No", "BKS - Bulldozer"])
    assert names(some) == ["BKS - Bulldozer", "BKS - Too Much", "PR - Oh No"]
    assert some.is_musdb18_test and not some.whole and "not comparable" in some.description


def test_a_set_that_lacks_one_song_is_not_whole(tmp_path: Path) -> None:
    make_songs(tmp_path / "musdb" / "test", *KNOWN[1:])
    found = find(tmp_path / "musdb")
    assert found.is_musdb18_test and not found.whole


def test_a_folder_named_test_is_not_musdb18(tmp_path: Path) -> None:
    make_songs(tmp_path / "mine" / "test", "a", "b")
    assert not find(tmp_path / "mine").is_musdb18_test
    make_songs(tmp_path / "other", "test", "x")  # songs of these names
    assert names(find(tmp_path / "other")) == ["test", "x"]


def test_only_the_other_subset(tmp_path: Path) -> None:
    make_songs(tmp_path / "musdb" / "train", "a")
    with pytest.raises(AudioError, match="got only the folder 'train', expected 'test'"):
        find(tmp_path / "musdb")


def test_musdb_path_and_the_demo_songs_are_the_defaults(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_songs(tmp_path / "musdb" / "test", "a")
    make_songs(tmp_path / "out/demo/songs/test", "demo")
    (tmp_path / "out/demo/songs/test/demo/song.json").write_text("{}")
    monkeypatch.chdir(tmp_path)
    found = find_test_set(None, tmp_path / "decoded")
    assert found.name == "demo songs" and "not comparable with MUSDB18" in found.description
    monkeypatch.setenv("MUSDB_PATH", str(tmp_path / "musdb"))
    assert names(find_test_set(None, tmp_path / "decoded")) == ["a"]


@pytest.mark.parametrize("root", ["nosuch", "empty"])
def test_no_song(tmp_path: Path, root: str, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").mkdir()
    assert main(["--songs", str(tmp_path / root), "--out", str(tmp_path / "out")]) == 1
    error = capsys.readouterr().err
    assert "got no song" in error and error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_track_that_is_not_there(tmp_path: Path) -> None:
    make_songs(tmp_path / "mine", "a")
    with pytest.raises(AudioError, match="got 'b', expected a name or pattern such as 'a'"):
        find(tmp_path / "mine", tracks=["a", "b"])


def test_a_name_with_brackets_is_first_a_name(tmp_path: Path) -> None:
    make_songs(tmp_path / "mine", "a [live]", "a l")
    assert names(find(tmp_path / "mine", tracks=["a [live]"])) == ["a [live]", "a l"]


@pytest.mark.parametrize("twin", ["a.stem.mp4", "A"])
def test_two_tracks_of_one_name_are_refused(tmp_path: Path, twin: str) -> None:
    make_songs(tmp_path / "mine", "a")
    if twin.endswith("mp4"):
        (tmp_path / "mine" / twin).write_bytes(b"")
    else:
        try:
            make_songs(tmp_path / "mine", twin)
        except FileExistsError:
            pytest.skip("a file system that ignores case")
    with pytest.raises(AudioError, match="expected tracks of different names"):
        find(tmp_path / "mine")


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
    decode_track(archive, folder)
    assert not (folder / "mark").exists()


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
