"""A file is either the old or the new version, whatever happens while it is written."""

import os
from pathlib import Path

import pytest

from mdx.errors import OutputError
from mdx.files import draft_of, remove_replacements, replacing, write_atomically


def contents(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_a_file_and_the_folders_above_it(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "file.txt"
    write_atomically(path, "夏")
    write_atomically(path, b"bytes", durable=True)
    assert contents(path.parent) == {"file.txt": "bytes"}


def test_a_name_as_long_as_can_be(tmp_path: Path) -> None:
    write_atomically(tmp_path / ("x" * 250 + ".json"), "{}")
    assert len(contents(tmp_path)) == 1


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_an_interruption_keeps_the_old_file_and_removes_the_draft(
    tmp_path: Path, error: BaseException
) -> None:
    path = tmp_path / "file.txt"
    path.write_text("old")
    with pytest.raises(type(error)), replacing(path) as draft:
        draft.write_text("half")
        raise error
    assert contents(tmp_path) == {"file.txt": "old"}


def test_a_rename_that_fails_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(old: Path, new: Path) -> None:
        raise OSError(5, "Input/output error")

    (tmp_path / "file.txt").write_text("old")
    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(
        OutputError, match=r"file\.txt: got Input/output error, expected a writable"
    ):
        write_atomically(tmp_path / "file.txt", "new")
    assert contents(tmp_path) == {"file.txt": "old"}


def test_a_path_that_is_not_a_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"x\.json: got .*, expected a writable file"):
        write_atomically(tmp_path / "file" / "x.json", "{}")


def test_a_folder_takes_the_place_of_another(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    for text in ("old", "new"):
        with replacing(folder) as draft:
            draft.mkdir()
            (draft / text).write_text(text)
    assert contents(folder) == {"new": "new"} and list(tmp_path.iterdir()) == [folder]
    with pytest.raises(ValueError, match="half"), replacing(folder) as draft:
        draft.mkdir()
        raise ValueError("half")
    assert contents(folder) == {"new": "new"} and list(tmp_path.iterdir()) == [folder]


def test_what_killed_processes_left_is_removed(tmp_path: Path) -> None:
    for suffix in ("", ".old"):
        draft = draft_of(tmp_path / "stems" / "song")
        folder = draft.with_name(f"{draft.name}{suffix}")
        folder.mkdir(parents=True)
        (folder / "bass.wav").write_text("half")
    draft_of(tmp_path / "record.json").write_text("half")
    (tmp_path / "stems" / "bass.wav.part").write_text("somebody's")
    remove_replacements(tmp_path)
    assert contents(tmp_path / "stems") == {"bass.wav.part": "somebody's"}
    assert [path.name for path in tmp_path.iterdir()] == ["stems"]
