import hashlib
from pathlib import Path

import pytest
import yaml

from mdx.errors import ConfigError, WeightsError
from mdx.weights import read_weights, register_weights


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with one registered file, below a name of two parts."""
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


@pytest.mark.parametrize("content", [b"", b"kontent", b"content and more"])
def test_another_content_is_refused(folder: Path, content: bytes) -> None:
    (folder / "demo" / "a.onnx").write_bytes(content)
    with pytest.raises(WeightsError, match=r"got sha256 .* expected sha256"):
        read_weights(folder, "demo/a.onnx")


def test_a_missing_file_is_said(folder: Path) -> None:
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


@pytest.mark.parametrize("text", [None, "", " \n"])
def test_without_a_manifest_the_line_to_write_is_said(folder: Path, text: str | None) -> None:
    (folder / "manifest.yaml").unlink()
    if text is not None:
        (folder / "manifest.yaml").write_text(text)
    with pytest.raises(WeightsError, match=r"manifest\.yaml: got no entry .*: {sha256: ed7002b4"):
        read_weights(folder, "demo/a.onnx")
