"""`mdx separate` over many songs, some of which are broken."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from mdx.separator import Separator
from mdx.systems.spec import SOURCES
from tests.audio_files import cut
from tests.mdx.cli.kit import RATE, events, run, write_song

ROOT = Path(__file__).resolve().parents[3]


def nan(path: Path) -> None:
    """Write a song that contains NaN."""
    mix = np.full((4000, 2), 0.1)
    mix[3000] = np.nan
    sf.write(path, mix, RATE, subtype="FLOAT", format="WAV")


def half_of(path: Path, kind: str) -> None:
    """Write a song and keep only the first half of its file."""
    sf.write(path, np.ones((99_999, 2)) / 2, RATE, format=kind)
    cut(path, 0.5)


BROKEN: list[Callable[[Path], object]] = [
    lambda path: path.write_bytes(b""),
    lambda path: path.write_text("no audio " * 99),
    lambda path: sf.write(path, np.zeros((0, 2)), RATE, format="WAV"),
    lambda path: sf.write(path, np.ones((99, 6)), RATE, format="WAV"),
    lambda path: sf.write(path, np.ones((99, 2)), 999, format="WAV"),
    lambda path: cut(write_song(path), 0.5),
    lambda path: half_of(path, "FLAC"),
    lambda path: half_of(path, "MP3"),
    lambda path: path.symlink_to("nowhere.wav"),
    lambda path: path.write_text("#EXTM3U\nhttp://127.0.0.1:9/song.mp3\n"),
    lambda path: path.write_bytes(b"RIFF" + bytes(100)),
    nan,
]


def test_a_batch_of_forty_of_which_twelve_are_broken(
    tiny_system: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    music, out = tmp_path / "music", tmp_path / "out"
    for number in range(28):
        write_song(music / f"album {number % 3}" / f"disc {number % 2}" / f"{number}.wav", 1000)
    broken = []
    for number, spoil in enumerate(BROKEN):
        broken.append(music / f"album {number % 4}" / f"broken {number}.wav")
        broken[-1].parent.mkdir(exist_ok=True)
        spoil(broken[-1])
    assert run(tiny_system, music, "-o", out, "--json") == 1
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 12 and captured.err.count("error: ") == 12
    sys.stdout.write(captured.out)
    told = events(capsys)
    assert {event["song"] for event in told if event["event"] == "failed"} == set(map(str, broken))
    done = {event["song"]: event for event in told if event["event"] == "done"}
    assert len(done) == 28 and told[-1]["event"] == "summary"
    assert {key: told[-1][key] for key in ("separated", "skipped", "failed")} == {
        "separated": 28, "skipped": 0, "failed": 12,
    }  # fmt: skip
    for song, event in done.items():
        below = Path(song).relative_to(music).with_suffix("")  # the folders' structure
        assert event["stems"] == {s: str(out / below / f"{s}.wav") for s in SOURCES}
        assert all(sf.info(path).frames == 1000 for path in event["stems"].values())
        assert event["seconds"] > 0
    assert len(list(out.rglob("*.*"))) == 4 * 28  # and nothing half-written


def test_any_exception_in_a_song_leaves_the_others_separated(
    tiny_system: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    separate_file = Separator.separate_file
    failures = {"one": MemoryError(), "two": RuntimeError("of\nthree\nlines")}

    def fail(separator: Separator, path: Path, *rest: object, **options: object) -> object:
        if path.stem in failures:
            raise failures[path.stem]
        return separate_file(separator, path, *rest, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Separator, "separate_file", fail)
    songs = [write_song(tmp_path / f"{name}.wav") for name in ("one", "two", "three")]
    assert run(tiny_system, *songs, "-o", tmp_path / "out") == 1
    captured = capsys.readouterr()
    assert captured.out == f"{tmp_path / 'out' / 'three'}\n"
    lines = captured.err.splitlines()
    first, second, summary = (line for line in lines if not line.startswith("WARNING"))
    assert first.startswith(f"error: {songs[0]}: got MemoryError") and "Traceback" not in first
    assert "two.wav: got RuntimeError of three lines" in second
    assert summary.startswith("1 separated, 0 skipped, 2 failed, in ")
    assert run(tiny_system, *songs, "-o", tmp_path / "out", "--debug") == 1
    assert "RuntimeError: of\nthree" in capsys.readouterr().err


def test_a_song_that_is_piped_in(tiny_system: Path, tmp_path: Path) -> None:
    song = write_song(tmp_path / "song.wav")
    assert run(tiny_system, song, "-o", tmp_path / "file") == 0
    with song.open("rb") as pipe:
        child = subprocess.run(
            [sys.executable, "-m", "mdx", "separate", "-", "-o", tmp_path / "pipe",
             "--system", tiny_system],
            cwd=ROOT, stdin=pipe, capture_output=True, text=True, check=False,
        )  # fmt: skip
    assert child.returncode == 0, child.stderr
    for source in SOURCES:
        one, two = (tmp_path / "file" / "song", tmp_path / "pipe" / "stdin")
        assert (one / f"{source}.wav").read_bytes() == (two / f"{source}.wav").read_bytes()


def test_a_stream_that_is_not_there(
    tiny_system: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    song = write_song(tmp_path / "song.mp3")
    assert run(tiny_system, song, "-o", tmp_path / "out", "--stream", 2) == 1
    assert capsys.readouterr().err == (
        f"error: {song}: got 1 audio stream, expected one with the number 2\n"
    )
    assert not (tmp_path / "out").exists()


def test_a_list_with_missing_songs(
    tiny_system: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    song, missing = write_song(tmp_path / "song.wav"), tmp_path / "missing.wav"
    long = tmp_path / ("x" * 300)  # more than a file system allows
    (tmp_path / "list.txt").write_text(f"{missing}\n{long}\n\n# a comment\n{song}\n")
    options = ("-o", tmp_path / "out", "--skip-existing")
    assert run(tiny_system, "--list", tmp_path / "list.txt", *options) == 1
    captured = capsys.readouterr()
    assert captured.out == f"{tmp_path / 'out' / 'song'}\n"
    assert f"error: {missing}: got no such file" in captured.err
    assert f"error: {long}: got [Errno 36] File name too long" in captured.err


def test_a_runtime_that_breaks_down_at_the_start_is_one_line(
    tiny_system: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    def fail(*arguments: object, **options: object) -> Separator:
        raise RuntimeError("no\nhome")

    monkeypatch.setattr(Separator, "load", fail)
    assert run(tiny_system, write_song(tmp_path / "song.wav"), "-o", tmp_path / "out") == 1
    assert capsys.readouterr().err.splitlines()[0] == (
        "error: got RuntimeError no home, expected a system to load"
    )


def test_two_songs_of_one_name_and_one_named_twice(
    tiny_system: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, two = write_song(tmp_path / "a" / "song.wav"), write_song(tmp_path / "b" / "song.wav")
    assert run(tiny_system, one, two, one, "-o", tmp_path / "out") == 0
    captured = capsys.readouterr()
    assert [path.name for path in sorted((tmp_path / "out").iterdir())] == ["song", "song (2)"]
    assert captured.out.splitlines()[0] == f"{one}: skipped, it is listed twice"
    assert captured.err.splitlines()[0] == (
        f"WARNING: {two}: another song has the same name; stems are named after 'song (2)'"
    )


def test_songs_are_skipped_if_all_stems_exist(
    tiny_system: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    songs = [write_song(tmp_path / name) for name in ("a.wav", "b.wav")]
    options = ("-o", tmp_path / "out", "--skip-existing", "--json")
    assert run(tiny_system, *songs, *options) == 0
    (tmp_path / "out" / "b" / "bass.wav").unlink()
    capsys.readouterr()
    assert run(tiny_system, *songs, *options) == 0
    told = events(capsys)
    assert [event["song"] for event in told if event["event"] == "skipped"] == [str(songs[0])]
    assert [event["song"] for event in told if event["event"] == "done"] == [str(songs[1])]


def test_a_link_gives_its_stems_its_own_name(tiny_system: Path, tmp_path: Path) -> None:
    write_song(tmp_path / "store" / "sha256-1234.wav")
    (tmp_path / "My Song.wav").symlink_to("store/sha256-1234.wav")
    assert run(tiny_system, tmp_path / "My Song.wav", "-o", tmp_path / "out") == 0
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["My Song"]


@pytest.mark.skipif(os.name == "nt", reason="names are UTF-16 there")
@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "ascii"])
def test_any_name_in_any_terminal(tiny_system: Path, tmp_path: Path, encoding: str) -> None:
    folder = os.fsencode(tmp_path / "music")
    write_song(tmp_path / "music" / "絆.wav")
    for name in (b"mod\xe0.wav", b"AC\\DC.wav", b"new\nline.wav"):
        Path(os.fsdecode(folder + b"/" + name)).write_bytes(
            (tmp_path / "music" / "絆.wav").read_bytes()
        )
    child = subprocess.run(
        [sys.executable, "-m", "mdx", "separate", folder, "-o", tmp_path / "out",
         "--system", tiny_system],
        cwd=ROOT, env=os.environ | {"PYTHONIOENCODING": encoding}, capture_output=True, check=False,
    )  # fmt: skip
    assert child.returncode == 0, child.stderr
    found = {os.fsencode(path.name) for path in (tmp_path / "out").iterdir()}
    assert found == {"絆".encode(), b"mod\xe0", b"AC\\DC", b"new\nline"}
    assert b"4 separated" in child.stderr


def test_a_reader_that_goes_away_does_not_end_the_batch(tiny_system: Path, tmp_path: Path) -> None:
    songs = [write_song(tmp_path / f"{number}.wav") for number in range(3)]
    read, write = os.pipe()
    os.close(read)
    child = subprocess.run(
        [sys.executable, "-m", "mdx", "separate", *songs, "-o", tmp_path / "out",
         "--system", tiny_system],
        cwd=ROOT, stdout=write, stderr=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip
    os.close(write)
    assert child.returncode == 0
    assert len(list((tmp_path / "out").rglob("*.wav"))) == 12
    assert "standard output: got Broken pipe" in child.stderr and "Traceback" not in child.stderr
