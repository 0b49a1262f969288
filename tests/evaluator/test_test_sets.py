"""The supported layouts of test sets, and errors for others."""

from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from evaluator.run import main
from evaluator.test_sets import TestSet, find_test_set, recognise_excerpts
from mdx.errors import AudioError
from mdx.systems.spec import SAMPLE_RATE, SOURCES

KNOWN = (Path(__file__).parents[2] / "evaluator" / "musdb18_test.txt").read_text().splitlines()


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


@pytest.mark.parametrize(("seconds", "whole"), [(7.0, False), (249.0, True)])
def test_the_first_seconds_of_all_songs_are_not_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: float, whole: bool
) -> None:
    make_songs(tmp_path / "musdb" / "test", *KNOWN)
    monkeypatch.setattr("evaluator.test_sets.duration", lambda path: seconds)
    found = recognise_excerpts(find(tmp_path / "musdb"))
    assert found.is_musdb18_test and found.whole == whole
    assert ("in full length" in found.description) != whole


def test_short_songs_of_other_sets_are_whole(tmp_path: Path) -> None:
    make_songs(tmp_path / "mine", "a")
    assert recognise_excerpts(find(tmp_path / "mine")).whole


def test_a_set_that_lacks_one_song_is_not_whole(tmp_path: Path) -> None:
    make_songs(tmp_path / "musdb" / "test", *KNOWN[1:])
    found = find(tmp_path / "musdb")
    assert found.is_musdb18_test and not found.whole


def test_a_folder_named_test_is_not_musdb18(tmp_path: Path) -> None:
    make_songs(tmp_path / "mine" / "test", "a", "b")
    assert not find(tmp_path / "mine").is_musdb18_test
    make_songs(tmp_path / "other", "test", "x")  # songs of these names
    assert names(find(tmp_path / "other")) == ["test", "x"]


@pytest.mark.parametrize("name", ["MUSDB18 test", "MUSDB18-HQ test", "demo songs"])
def test_a_folder_cannot_take_the_name_of_a_known_set(tmp_path: Path, name: str) -> None:
    make_songs(tmp_path / name, "a", "b")
    found = find(tmp_path / name)
    assert found.name == f"folder {name}" and found.whole and not found.is_musdb18_test
    assert found.description == f"2 songs of 'folder {name}'"


def test_all_songs_of_another_half_of_musdb18_are_whole(tmp_path: Path) -> None:
    make_songs(tmp_path / "MUSDB18-HQ" / "train", "a", "b")
    found = find(tmp_path / "MUSDB18-HQ", subset="train")
    assert (found.name, found.whole, found.is_musdb18_test) == ("MUSDB18-HQ", True, False)


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


@pytest.mark.parametrize(
    ("root", "said"), [("nosuch", "got no such folder"), ("empty", "got no song")]
)
def test_no_song(tmp_path: Path, said: str, root: str, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").mkdir()
    assert main(["--songs", str(tmp_path / root), "--out", str(tmp_path / "out")]) == 1
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_track_that_is_not_there(tmp_path: Path) -> None:
    make_songs(tmp_path / "mine", "a")
    with pytest.raises(AudioError, match=r"got 'b', which matches no song, .* first 'a'"):
        find(tmp_path / "mine", tracks=["a", "b"])


def test_a_name_with_brackets_is_first_a_name(tmp_path: Path) -> None:
    make_songs(tmp_path / "mine", "a [live]", "a l")
    assert names(find(tmp_path / "mine", tracks=["a [live]"])) == ["a [live]"]
    assert names(find(tmp_path / "mine", tracks=["a [live]*"])) == ["a l"]


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
