import hashlib
from pathlib import Path
from typing import Any

import pytest
import yaml

from mdx.errors import ConfigError, WeightsError
from mdx.systems.manifest import (
    WeightsEntry,
    describe,
    describe_file,
    read_manifest,
    register_weights,
    write_entry,
)
from mdx.systems.weights import name_for, read_weights, weights_file


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with one registered file in a subfolder."""
    (tmp_path / "w" / "demo").mkdir(parents=True)
    (tmp_path / "w" / "demo" / "a.onnx").write_bytes(b"content")
    register_weights(tmp_path / "w", "demo/a.onnx", made_by="python -m x")
    return tmp_path / "w"


def test_a_registered_file_is_read(folder: Path) -> None:
    assert read_weights(folder, "demo/a.onnx") == b"content"
    manifest = yaml.safe_load((folder / "manifest.yaml").read_text())
    assert manifest == {
        "demo/a.onnx": {
            "sha256": hashlib.sha256(b"content").hexdigest(),
            "bytes": 7,
            "made_by": "python -m x",
        }
    }


def test_registering_keeps_other_entries(folder: Path) -> None:
    (folder / "b.onnx").write_bytes(b"more")
    register_weights(folder, "b.onnx", made_by="y")
    assert read_weights(folder, "b.onnx") == b"more"
    assert read_weights(folder, "demo/a.onnx") == b"content"


def test_entries_of_released_files_are_kept(folder: Path) -> None:
    entry = WeightsEntry("0c3e77b9", url="https://a.org/b.zip", member="b.onnx", licence="free")
    write_entry(folder, "b.onnx", entry)
    register_weights(folder, "demo/a.onnx", made_by="z")
    assert read_manifest(folder)["b.onnx"] == entry


def test_a_file_that_can_be_fetched_or_made_says_how(folder: Path) -> None:
    write_entry(folder, "b.onnx", WeightsEntry("0c3e77b9", url="https://a.org/b.zip"))
    with pytest.raises(WeightsError, match=r"'mdx fetch SYSTEM' downloads it"):
        read_weights(folder, "b.onnx")
    write_entry(folder, "c.th", WeightsEntry("0c3e77b9", becomes="d/c.onnx"))
    with pytest.raises(WeightsError, match=r"models\.convert .*w/c\.th --out d/c\.onnx"):
        read_weights(folder, "d/c.onnx")


def test_int8_that_is_not_there_is_made_by_the_right_command(folder: Path) -> None:
    companion = r"'python -m models\.convert --int8 d/c\.onnx'"
    with pytest.raises(WeightsError, match=r"make it by 'python -m models\.quantize SYSTEM --data"):
        name_for("int8", folder, "demo/a.onnx")
    write_entry(folder, "c.th", WeightsEntry("0c3e77b9", becomes="d/c.onnx"))
    with pytest.raises(WeightsError, match=companion):  # neither file is here yet
        name_for("int8", folder, "d/c.onnx")
    write_entry(folder, "d/c.onnx", WeightsEntry("a" * 64, parent="0c3e77b9"))
    write_entry(folder, "c.th", WeightsEntry("0c3e77b9"))  # the user's own checkpoint
    write_entry(folder, "d/c.int8.onnx", WeightsEntry("b" * 64, parent="c" * 64))
    with pytest.raises(WeightsError, match=f"made from another d/c.onnx.*{companion}"):
        name_for("int8", folder, "d/c.onnx")


def test_an_int8_file_that_is_listed_but_not_here_says_how_it_is_made(folder: Path) -> None:
    parent = read_manifest(folder)["demo/a.onnx"].sha256
    write_entry(folder, "demo/a.int8.onnx", WeightsEntry("b" * 64, parent=parent))
    assert name_for("int8", folder, "demo/a.onnx") == "demo/a.int8.onnx"
    with pytest.raises(WeightsError, match=r"'python -m models\.quantize .*' makes it"):
        read_weights(folder, "demo/a.int8.onnx")


@pytest.mark.parametrize("digits", [8, 63])
def test_the_first_digits_of_a_sha256_are_not_enough_to_use_a_file(
    folder: Path, digits: int
) -> None:
    whole = read_manifest(folder)["demo/a.onnx"]
    write_entry(folder, "demo/a.onnx", WeightsEntry(whole.sha256[:digits]))
    with pytest.raises(WeightsError, match=rf"expected sha256 {whole.sha256[:digits]}\.\.\. as in"):
        read_weights(folder, "demo/a.onnx")


def test_a_file_is_described_as_its_bytes_are(folder: Path) -> None:
    assert describe_file(folder / "demo" / "a.onnx") == describe(b"content")


@pytest.mark.parametrize("sha256", ["1234567", "0C3E77B9", "0" * 65, "nothex99", ""])
def test_an_invalid_sha256_is_refused(folder: Path, sha256: str) -> None:
    (folder / "manifest.yaml").write_text(f"a.onnx: {{sha256: '{sha256}'}}")
    with pytest.raises(ConfigError, match=r"a\.onnx: sha256: .* 8 to 64 hex digits"):
        read_weights(folder, "a.onnx")


@pytest.mark.parametrize("content", [b"", b"kontent", b"content and more"])
def test_another_content_is_refused(folder: Path, content: bytes) -> None:
    (folder / "demo" / "a.onnx").write_bytes(content)
    with pytest.raises(WeightsError, match=r"got sha256 .* expected sha256"):
        read_weights(folder, "demo/a.onnx")


def test_a_missing_file_is_reported(folder: Path) -> None:
    (folder / "demo" / "a.onnx").unlink()
    with pytest.raises(WeightsError, match="No such file"):
        read_weights(folder, "demo/a.onnx")


def test_an_unknown_file_comes_with_the_line_to_add(folder: Path) -> None:
    (folder / "mine.onnx").write_bytes(b"mine")
    with pytest.raises(WeightsError, match=r"no entry for 'mine\.onnx'") as caught:
        read_weights(folder, "mine.onnx")
    line = str(caught.value).split("add the line ")[1]
    with (folder / "manifest.yaml").open("a") as manifest:
        manifest.write(line + "\n")
    assert read_weights(folder, "mine.onnx") == b"mine"


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "demo/../../secret", "", ".", "a\0b"])
def test_no_name_leaves_the_folder(folder: Path, name: str) -> None:
    (folder.parent / "secret").write_text("secret")
    with pytest.raises(WeightsError, match="inside"):
        read_weights(folder, name)


@pytest.mark.parametrize("text", ["a.onnx: 3", "a.onnx: {sha256: x}", "a.onnx: {size: 3}", "[]"])
def test_a_wrong_manifest_is_refused(folder: Path, text: str) -> None:
    (folder / "manifest.yaml").write_text(text)
    with pytest.raises(ConfigError, match=r"manifest\.yaml"):
        read_weights(folder, "demo/a.onnx")


def test_a_manifest_that_is_not_text_is_refused(folder: Path) -> None:
    (folder / "manifest.yaml").write_bytes(b"a.onnx: \xff")
    with pytest.raises(ConfigError, match=r"manifest\.yaml: got .*expected valid YAML"):
        read_manifest(folder)


@pytest.mark.parametrize("text", [None, "", " \n"])
def test_without_a_manifest_the_line_to_write_is_printed(folder: Path, text: str | None) -> None:
    (folder / "manifest.yaml").unlink()
    if text is not None:
        (folder / "manifest.yaml").write_text(text)
    with pytest.raises(WeightsError, match=r"manifest\.yaml: got no entry .*: {sha256: ed7002b4"):
        read_weights(folder, "demo/a.onnx")


def test_a_file_is_verified_for_a_reader_of_its_own(tiny_copy: Path) -> None:
    folder = tiny_copy.parent
    with weights_file(folder, "bass.onnx") as path:
        assert path.read_bytes() == read_weights(folder, "bass.onnx")
    (folder / "drums.onnx").write_bytes(b"other")
    with (
        pytest.raises(WeightsError, match=r"drums\.onnx: got sha256"),
        weights_file(folder, "drums.onnx"),
    ):
        pytest.fail("a damaged file")
    for name, message in (("gone.onnx", "No such file"), ("tiny.yaml", "no entry")):
        with pytest.raises(WeightsError, match=message), weights_file(folder, name):
            pytest.fail("a file that is not there, or not in the manifest")


@pytest.mark.parametrize("change", ["swapped", "written"])
def test_a_file_that_changes_under_its_reader_is_an_error(tiny_copy: Path, change: str) -> None:
    folder = tiny_copy.parent
    content = (folder / "bass.onnx").read_bytes()
    with (
        pytest.raises(WeightsError, match="changed while it was read"),
        weights_file(folder, "bass.onnx") as path,
    ):
        if change == "swapped":
            (folder / "new").write_bytes(content)
            (folder / "new").replace(path)
        else:
            path.write_bytes(content)


def test_a_file_that_is_swapped_while_it_is_hashed_is_an_error(
    tiny_copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tiny_copy.parent
    hash_file = hashlib.file_digest

    def swap(file: Any, kind: str) -> Any:
        (folder / "evil.onnx").write_bytes(b"evil")
        (folder / "evil.onnx").replace(folder / "bass.onnx")
        return hash_file(file, kind)

    monkeypatch.setattr(hashlib, "file_digest", swap)
    with (
        pytest.raises(WeightsError, match="changed while it was read"),
        weights_file(folder, "bass.onnx") as path,
    ):
        assert path.read_bytes() == b"evil"
