"""Songs of one name, and stems in the place of songs: nothing is taken for something else."""

import os
from pathlib import Path

import numpy as np
import pytest

from mdx.cli.inputs import Inputs
from tests.mdx.cli.kit import events, read, run, write_song


@pytest.mark.parametrize(
    ("names", "template"),
    [
        (("a.wav", "a (bass).wav"), "{song} ({stem})"),
        (("a.wav", "a/bass.wav"), "{song}/{stem}"),
        (("a.wav", "b/../a/bass.wav"), "{song}/{stem}"),
    ],
)
def test_a_stem_never_replaces_another_song(
    tiny_system: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    names: tuple[str, str], template: str,
) -> None:  # fmt: skip
    (tmp_path / "b").mkdir()
    first, second = (write_song(tmp_path / name, seed=i) for i, name in enumerate(names))
    before = second.read_bytes()
    assert run(tiny_system, first, second, "-o", tmp_path, "--name", template, "--json") == 1
    told = events(capsys)
    (failed,) = (event for event in told if event["event"] == "failed")
    assert failed["song"] == str(first)
    assert f"got the song {second} as a stem's place" in failed["reason"]
    assert [event["song"] for event in told if event["event"] == "done"] == [str(second)]
    assert second.read_bytes() == before


def test_a_name_that_another_song_was_given_is_not_taken_for_its_own(
    tiny_system: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = write_song(tmp_path / "a.flac", seed=1), write_song(tmp_path / "a.wav", seed=2)
    options = ("-o", tmp_path / "out", "--skip-existing", "--json")
    assert run(tiny_system, first, second, *options) == 0  # the second is `a (2)`
    third = write_song(tmp_path / "a (2).wav", seed=3)
    capsys.readouterr()
    assert run(tiny_system, third, first, second, *options) == 0
    assert not [event for event in events(capsys) if event["event"] == "skipped"]


def test_stems_of_another_song_of_that_name_are_not_taken_for_its_own(
    tiny_system: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("-o", tmp_path / "out", "--name", "{song}/{stem}", "--skip-existing", "--json")
    later = write_song(tmp_path / "lib" / "B" / "Intro.wav", seed=1)
    assert run(tiny_system, tmp_path / "lib", *options) == 0
    stems = {path.name: read(path) for path in (tmp_path / "out" / "Intro").iterdir()}
    earlier = write_song(tmp_path / "lib" / "A" / "Intro.wav", seed=2)
    write_song(tmp_path / "lib" / "C" / "Outro.wav", seed=3)
    capsys.readouterr()
    assert run(tiny_system, tmp_path / "lib", *options) == 0
    done = [event["song"] for event in events(capsys) if event["event"] == "done"]
    assert {str(earlier), str(later)} <= set(done)
    assert run(tiny_system, tmp_path / "lib", *options) == 0
    skipped = [event["song"] for event in events(capsys) if event["event"] == "skipped"]
    assert skipped == [str(tmp_path / "lib" / "C" / "Outro.wav")]
    for name, audio in stems.items():
        again = {
            folder: read(tmp_path / "out" / folder / name) for folder in ("Intro", "Intro (2)")
        }
        assert np.array_equal(again["Intro (2)"], audio)
        assert not np.array_equal(again["Intro"], audio)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-8-sig"])
def test_a_list_may_be_in_the_encodings_of_windows(tmp_path: Path, encoding: str) -> None:
    mark = "\ufeff" if encoding in ("utf-16-le", "utf-16-be") else ""
    (tmp_path / "list").write_bytes(f"{mark}絆.wav\r\na.wav\r\n".encode(encoding))
    inputs = Inputs(tmp_path / "out")
    inputs.add_list(str(tmp_path / "list"))
    assert [str(song.path) for song in inputs.songs] == ["絆.wav", "a.wav"]


@pytest.mark.parametrize("end", ["\n", "\0"])
def test_a_song_may_begin_with_a_hash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    monkeypatch.chdir(tmp_path)
    write_song(Path("#1 hit.wav"))
    lines = ["#EXTM3U", "#1 hit.wav", "a.wav", ""]
    Path("list").write_text(end.join(lines[end == "\0" :]))
    inputs = Inputs(tmp_path / "out")
    inputs.add_list("list")
    assert [os.fspath(song.path) for song in inputs.songs] == ["#1 hit.wav", "a.wav"]
