"""The songs that a command line names, and the names of their stems."""

import io
import os
import re
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

from evaluator.children import ROOT
from mdx.cli.inputs import AUDIO, Inputs, Song
from mdx.cli.names import TEMPLATE, Names
from mdx.errors import ConfigError

STEMS = ("bass", "vocals")


def touch(*paths: Path) -> None:
    """Make empty files and their folders."""
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def songs(out: Path, *arguments: object) -> Inputs:
    """The songs of a command line."""
    inputs = Inputs(out)
    for argument in arguments:
        inputs.add(str(argument))
    return inputs


def test_a_folder_is_searched_with_all_below_it(tmp_path: Path) -> None:
    music = tmp_path / "music"
    names = ["b.mp3", "a/1.FLAC", "a/b/2.wav", "a/notes.txt", ".hidden/3.wav", "a/._2.wav"]
    touch(*(music / name for name in names), music / "stems" / "b" / "vocals.wav")
    (music / "a" / "loop").symlink_to(music)
    found = songs(music / "stems", music)  # results inside the folder are no songs
    assert [(song.path.name, str(song.folder)) for song in found.songs] == [
        ("b.mp3", "."), ("1.FLAC", "a"), ("2.wav", "a/b"),
    ]  # fmt: skip
    assert not found.errors


def test_the_page_searches_folders_for_the_same_files() -> None:
    script = (ROOT / "mdx" / "serve" / "page" / "drop.js").read_text()
    (endings,) = re.findall(r"ENDINGS = `([^`]+)`", script)
    assert endings.split() == AUDIO


def test_each_argument_without_songs_is_an_error(tmp_path: Path) -> None:
    touch(tmp_path / "empty" / "notes.txt", tmp_path / "out" / "a.wav")
    found = songs(tmp_path / "out", tmp_path / "empty", f"{tmp_path}/*.mp3", tmp_path / "out")
    assert not found.songs
    texts = [str(error) for error in found.errors]
    assert "empty: got a folder without audio" in texts[0]
    assert "*.mp3: got a pattern that matches no file" in texts[1]
    assert "got the same folder for songs and results" in texts[2]


def test_patterns_are_expanded_unless_a_file_is_called_so(tmp_path: Path) -> None:
    touch(*(tmp_path / name for name in ("a.wav", "b.wav", "c [live].wav", "d/e.wav")))
    found = songs(tmp_path / "out", f"{tmp_path}/?.wav", f"{tmp_path}/c [live].wav")
    assert [song.path.name for song in found.songs] == ["a.wav", "b.wav", "c [live].wav"]
    assert len(songs(tmp_path / "out", f"{tmp_path}/**/*.wav").songs) == 4


def test_patterns_pass_over_results_as_searched_folders_do(tmp_path: Path) -> None:
    touch(*(tmp_path / name for name in ("a.wav", "out/a/vocals.wav", "out/b.wav")))
    found = songs(tmp_path / "out", f"{tmp_path}/**/*.wav", f"{tmp_path}/*")
    assert [song.path.name for song in found.songs] == ["a.wav", "a.wav"] and not found.errors
    named = songs(tmp_path / "out", f"{tmp_path}/out/*.wav")  # somebody means these
    assert [song.path.name for song in named.songs] == ["b.wav"]
    beside = songs(tmp_path, f"{tmp_path}/*.wav")  # results go to the songs' own folder
    assert [song.path.name for song in beside.songs] == ["a.wav"]


def test_the_folder_of_results_among_songs_is_passed_over(tmp_path: Path) -> None:
    touch(*(tmp_path / name for name in ("a.wav", "separated/a/vocals.wav")))
    for arguments in (("a.wav", "separated"), ("separated", "a.wav")):  # as a shell expands *
        found = songs(tmp_path / "separated", *(tmp_path / name for name in arguments))
        assert [song.path.name for song in found.songs] == ["a.wav"] and not found.errors


def test_a_pattern_s_pictures_are_no_songs(tmp_path: Path) -> None:
    names = ("a.wav", "cover.jpg", "disc/b.wav", "art/back.jpg", "odd.xyz")
    touch(*(tmp_path / name for name in names))
    for pattern in ("*", "**", "**/*"):
        found = songs(tmp_path / "out", f"{tmp_path}/{pattern}")
        assert sorted(song.path.name for song in found.songs) == ["a.wav", "b.wav"]
        assert not found.errors
    none = songs(tmp_path / "out", f"{tmp_path}/ar*")  # a folder without a song
    assert not none.songs and "matches no file" in str(none.errors[0])
    other = songs(tmp_path / "out", f"{tmp_path}/*.xyz")  # a pattern may ask for any file
    assert [song.path.name for song in other.songs] == ["odd.xyz"]


def test_an_empty_name_is_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path / "a.wav")
    monkeypatch.chdir(tmp_path)
    found = songs(tmp_path / "out", "")
    assert not found.songs
    assert [str(error) for error in found.errors] == ["'': got an empty name, expected a song"]


def test_a_url_is_no_file(tmp_path: Path) -> None:
    found = songs(tmp_path / "out", "https://example.com/song.mp3")
    assert not found.songs
    assert [str(error) for error in found.errors] == [
        "https://example.com/song.mp3: got a URL, expected a file; download it first"
    ]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\0"])
def test_lists_hold_any_bytes(tmp_path: Path, end: bytes) -> None:
    names = [b"a.wav", b"mod\xe0.wav", "絆.wav".encode()]
    lines = [b"#EXTM3U", *names, b""] if end != b"\0" else [*names, b"two\nlines.wav", b""]
    (tmp_path / "list").write_bytes(b"\xef\xbb\xbf" * (end == b"\r\n") + end.join(lines))
    inputs = Inputs(tmp_path / "out")
    inputs.add_list(str(tmp_path / "list"))
    more = [b"two\nlines.wav"] if end == b"\0" else []
    assert [os.fsencode(song.path) for song in inputs.songs] == names + more
    with pytest.raises(ConfigError, match=r"list .*nosuch: got No such file"):
        inputs.add_list(str(tmp_path / "nosuch"))


@pytest.mark.parametrize("content", [b"", b"\n\n", b"#EXTM3U\n"])
def test_a_list_without_songs_is_told(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "list").write_bytes(content)
    inputs = songs(tmp_path / "out", str(tmp_path / "a.wav"))
    inputs.add_list(str(tmp_path / "list"))
    assert [str(error) for error in inputs.errors] == [
        f"list {tmp_path / 'list'}: got no song, expected one song per line"
    ]
    assert len(inputs.songs) == 1  # which it does not cost


@pytest.mark.parametrize("name", ["song.wav", "song.flac", "song.ogg", "song.mp3"])
def test_a_song_is_no_list(tmp_path: Path, name: str) -> None:
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, (5000, 2))
    soundfile.write(tmp_path / name, noise, 44100)
    inputs = Inputs(tmp_path / "out")
    with pytest.raises(ConfigError, match=r"got a binary file, .*; a song needs no --list"):
        inputs.add_list(str(tmp_path / name))
    assert not inputs.songs


def test_standard_input_is_a_song_or_a_list(tmp_path: Path) -> None:
    inputs = songs(tmp_path, "-")
    with pytest.raises(ConfigError, match="-: got both a song and a list"):
        inputs.add_list("-")


def test_a_list_may_be_piped_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"a.wav\nb.wav")))
    inputs = Inputs(tmp_path)
    inputs.add_list("-")
    assert [str(song.path) for song in inputs.songs] == ["a.wav", "b.wav"]


def test_a_closed_standard_input_is_no_list(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(ConfigError, match="list -: got no standard input, expected one song"):
        Inputs(tmp_path).add_list("-")


def test_stems_keep_folder_and_name(tmp_path: Path) -> None:
    names = Names(tmp_path, TEMPLATE, "demo", ".wav")
    paths, other = names.places(Song(Path("x/AC\\DC.wav"), Path("a/b")), STEMS)
    assert paths["bass"] == tmp_path / "a" / "b" / "AC\\DC" / "bass.wav" and other is None
    flat = Names(tmp_path, "{system} {folder}-{song} ({stem})", "demo", ".mp3")
    paths, _ = flat.places(Song(Path("x.y.wav")), STEMS)
    assert paths["vocals"] == tmp_path / "demo -x.y (vocals).mp3"


def test_a_name_that_is_taken_gets_a_number(tmp_path: Path) -> None:
    names = Names(tmp_path, TEMPLATE, "demo", ".wav")
    given = ["a/Song.wav", "b/song.flac", "c/SONG.mp3", "d/song (2).wav"]
    called = [names.places(Song(Path(path)), STEMS)[1] for path in given]
    assert called == [None, "song (2)", "SONG (3)", "song (2) (2)"]  # some disks ignore case
    for template in ("{stem}", "{{song}} {stem}", "{song:.0}{stem}"):
        fixed = Names(tmp_path, template, "demo", ".wav")
        fixed.places(Song(Path("a.wav")), STEMS)
        with pytest.raises(
            ConfigError, match=r"a second song for .*, expected the whole {song} in"
        ):
            fixed.places(Song(Path("b.wav")), STEMS)


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{song}", "stem"),
        ("../{stem}", "below --out"),
        ("/tmp/{stem}", "below --out"),
        ("{song.parent}/{stem}", "'{song.parent}'"),
        ("{artist}/{stem}", "'{artist}'"),
        ("{}/{stem}", "'{}'"),
        ("{stem", "expected"),
        ("{song:d}/{stem}", "'d'"),
        ("{song!x}/{stem}", "conversion"),
        ("{song:{artist}}/{stem}", "{artist}"),
        ("{song}/{stem}/", "a file's name at its end, without .wav"),
        ("{song}/{stem}.wav", "a file's name at its end, without .wav"),
        ("{folder}../{stem}", "below --out"),  # of a song without a folder
    ],
)
def test_an_invalid_template_is_refused(tmp_path: Path, template: str, message: str) -> None:
    with pytest.raises(ConfigError, match="--name") as caught:
        Names(tmp_path, template, "demo", ".wav")
    assert message in str(caught.value)


@pytest.mark.parametrize("name", ["...wav", ".."])
def test_a_song_cannot_leave_the_folder_by_its_name(tmp_path: Path, name: str) -> None:
    path = tmp_path / name if name == "...wav" else Path("/")
    with pytest.raises(ConfigError, match="track name"):
        Names(tmp_path, TEMPLATE, "demo", ".wav").places(Song(path), STEMS)
