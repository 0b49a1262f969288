"""Networks that are published twice: in a zip and as single files."""

import hashlib
from pathlib import Path
from typing import Any

import pytest
import yaml

from mdx.systems.manifest import read_manifest
from mdx.systems.spec import MODELS
from mdx.systems.weights import read_weights
from models.fetch.__main__ import main
from tests.models.released_files import NETS, WHOLE, files_of
from tests.models.shelf import Shelf


@pytest.fixture
def mirrored(shelf: Shelf, system: Path) -> Path:
    """The system, with its networks also at a second URL, under other names."""
    path = system.with_name("manifest.yaml")
    manifest: dict[str, dict[str, Any]] = yaml.safe_load(path.read_text())
    archive = shelf.files["/nets.zip?download=1"]
    for source, content in NETS.items():
        shelf.files[f"/release/kuielab_a_{source}.onnx"] = content
        manifest[f"mine/{source}.onnx"] |= {
            "mirror": f"{shelf.root}/release/kuielab_a_{source}.onnx",
            "archive_bytes": len(archive),
            "archive_md5": hashlib.md5(archive).hexdigest(),
        }
    path.write_text(yaml.safe_dump(manifest))
    return system


def asked(shelf: Shelf) -> list[str]:
    """The requests for the second URLs."""
    return [path for path, _ in shelf.asked if path.startswith("/release/")]


def test_the_second_place_is_not_asked_while_the_first_has_it(shelf: Shelf, mirrored: Path) -> None:
    assert main([str(mirrored)]) == 0
    assert files_of(mirrored.parent) == WHOLE and not asked(shelf)


@pytest.mark.parametrize("fault", ["gone", "another zip", "another size", "a page"])
def test_where_the_first_place_fails_the_second_is_asked(
    shelf: Shelf, mirrored: Path, fault: str, capsys: pytest.CaptureFixture[str]
) -> None:
    archive = shelf.files["/nets.zip?download=1"]
    changed = {
        "another zip": archive[:-1] + b"\1",
        "another size": archive + b"\0",
        "a page": b"<!DOCTYPE html><html>Sign in</html>".ljust(len(archive)),
    }
    if fault == "gone":
        del shelf.files["/nets.zip?download=1"]
    else:
        shelf.files["/nets.zip?download=1"] = changed[fault]
    before = mirrored.with_name("manifest.yaml").read_text()
    assert main([str(mirrored)]) == 0
    assert files_of(mirrored.parent) == WHOLE and len(asked(shelf)) == 4
    assert capsys.readouterr().err.count("error: ") == 1  # of the first place
    for source, content in NETS.items():
        assert read_weights(mirrored.parent, f"mine/{source}.onnx") == content
    after = yaml.safe_load(mirrored.with_name("manifest.yaml").read_text())
    assert after["mine/bass.onnx"] == yaml.safe_load(before)["mine/bass.onnx"]


def test_the_second_place_is_verified_too(
    shelf: Shelf, mirrored: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    del shelf.files["/nets.zip?download=1"]
    shelf.files["/release/kuielab_a_bass.onnx"] = b"<html>".ljust(len(NETS["bass"]))
    assert main([str(mirrored)]) == 1
    error = capsys.readouterr().err
    assert "kuielab_a_bass.onnx: got an HTML page, sha256" in error
    assert f"or {shelf.root}/release/kuielab_a_bass.onnx" in error  # the way by hand
    assert files_of(mirrored.parent) == WHOLE - {"mine/bass.onnx"}


def test_a_folder_may_have_the_names_of_the_second_place(
    mirrored: Path, tmp_path: Path, shelf: Shelf
) -> None:
    folder = tmp_path / "downloads" / "release"
    folder.mkdir(parents=True)
    for source, content in NETS.items():
        (folder / f"kuielab_a_{source}.onnx").write_bytes(content)
    assert main([str(mirrored), "--from", str(folder.parent)]) == 1  # Mixer and companion lack
    assert files_of(mirrored.parent) == {f"mine/{source}.onnx" for source in NETS}
    assert not shelf.asked


def test_every_released_network_has_a_second_place() -> None:
    entries = read_manifest(MODELS / "weights")
    for board in ("a", "b"):
        for source in ("bass", "drums", "other", "vocals"):
            entry = entries[f"leaderboard_{board}/{source}.onnx"]
            assert str(entry.mirror).endswith(f"/kuielab_{board}_{source}.onnx")
    found = entries["leaderboard_a/bass.onnx"]
    assert (found.archive_bytes, found.archive_md5) == (
        110_359_032, "72605d3722ebef18c353f831abdbfc07",
    )  # fmt: skip
    kuielab = {name: entry for name, entry in entries.items() if name.startswith("leaderboard_")}
    zenodo = [entry for entry in kuielab.values() if "zenodo" in str(entry.url)]
    assert zenodo and all("CC BY 4.0 (second-hand)" in str(entry.licence) for entry in zenodo)
