"""`mdx fetch`: files that were downloaded by hand, and instructions for that."""

from pathlib import Path

import pytest
import yaml

from mdx.errors import WeightsError
from mdx.systems.weights import read_weights
from models.fetch.__main__ import main
from tests.models.released_files import CHECKPOINT, MIXER, NETS, WHOLE, digest, files_of
from tests.models.shelf import Shelf, serve


def test_without_a_network_manual_instructions_are_printed(
    shelf: Shelf, system: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (system.parent / "manifest.yaml").read_text()
    with serve() as gone:
        pass
    (system.parent / "manifest.yaml").write_text(text.replace(shelf.root, gone.root))
    assert main([str(system)]) == 1
    said = capsys.readouterr().err
    assert "refused" in said and f"mdx fetch {system} --from FOLDER" in said
    for name in WHOLE:
        assert f"-> {system.parent / name}" in said
    assert f"bass.onnx in it, sha256 {digest(NETS['bass'])} ({len(NETS['bass'])} bytes)" in said
    assert said.count(f"  {gone.root}/nets.zip?download=1\n") == 1
    assert not files_of(system.parent)


def test_a_folder_of_downloads_will_do(shelf: Shelf, system: Path, tmp_path: Path) -> None:
    folder = tmp_path / "downloads"
    folder.mkdir()
    (folder / "nets.zip").write_bytes(shelf.files["/nets.zip?download=1"])
    (folder / "mixer.ckpt").write_bytes(MIXER)
    (folder / "demucs.th").write_bytes(CHECKPOINT)
    assert main([str(system), "--from", str(folder)]) == 0
    assert not shelf.asked
    assert files_of(system.parent) == WHOLE
    assert read_weights(system.parent, "mine/vocals.onnx") == NETS["vocals"]
    assert files_of(folder) == {"nets.zip", "mixer.ckpt", "demucs.th"}


def test_of_files_with_the_same_name_the_matching_one_is_used(system: Path, tmp_path: Path) -> None:
    for board, contents in (("a", dict.fromkeys(NETS, b"another board's")), ("b", NETS)):
        (tmp_path / "unpacked" / board).mkdir(parents=True)
        for source, content in contents.items():
            (tmp_path / "unpacked" / board / f"{source}.onnx").write_bytes(content)
    assert main([str(system), "--from", str(tmp_path / "unpacked")]) == 1  # no Mixer, no companion
    assert read_weights(system.parent, "mine/bass.onnx") == NETS["bass"]
    assert files_of(system.parent) == {f"mine/{source}.onnx" for source in NETS}


def test_a_folder_without_the_files_is_reported(
    system: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mixer.ckpt").write_bytes(b"another")
    assert main([str(system), "--from", str(tmp_path)]) == 1
    said = capsys.readouterr().err
    assert f"got none that fits, expected mixer.ckpt of sha256 {digest(MIXER)}" in said
    assert "or nets.zip" in said


def test_a_file_without_a_url_is_reported(system: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (system.parent / "manifest.yaml").write_text("")
    assert main([str(system)]) == 1
    said = capsys.readouterr().err
    assert "got no place to fetch mine/bass.onnx from, expected published weights" in said
    assert f"train it, or put your own at {system.parent / 'mine' / 'bass.onnx'}" in said


@pytest.mark.parametrize(("name", "got"), [("nowhere", "no such folder"), ("file", "a file")])
def test_a_folder_that_is_none_is_one_line(
    system: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, got: str
) -> None:
    (tmp_path / "file").touch()
    assert main([str(system), "--from", str(tmp_path / name)]) == 1
    said = capsys.readouterr().err
    assert f"--from {tmp_path / name}: got {got}, expected the folder" in said
    assert said.count("\n") == 1


def test_a_file_that_nothing_could_check_is_not_fetched(
    shelf: Shelf, system: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = yaml.safe_load((system.parent / "manifest.yaml").read_text())
    for name in ("other/demucs.th", "mine/drums.onnx"):
        manifest[name]["sha256"] = "unknown"
    manifest["mine/drums.onnx"]["becomes"] = "mine/drums.onnx"
    (system.parent / "manifest.yaml").write_text(yaml.safe_dump(manifest))
    assert main([str(system)]) == 1
    assert files_of(system.parent) == WHOLE - {"other/demucs.th", "mine/drums.onnx"}
    assert not any(path == "/demucs.th" for path, _ in shelf.asked)
    said = capsys.readouterr().err.splitlines()
    assert said[0].startswith("no sha256 was published") and said[-2] == f"  {shelf.root}/demucs.th"
    convert = "python -m models.convert demucs.th --out other/demucs.onnx"
    assert said[-1] == f"    demucs.th (them): {convert}"
    assert "    drums.onnx in it: " in said[2]
    for name in ("other/demucs.th", "mine/drums.onnx"):
        (system.parent / name).parent.mkdir(exist_ok=True)
        (system.parent / name).write_bytes(b"what somebody downloaded")
    assert main([str(system)]) == 0
    said = capsys.readouterr().out.splitlines()
    assert "other/demucs.th: there already, not checked because its sha256 is not known" in said
    with pytest.raises(WeightsError, match=r"expected sha256 unknown .* as in manifest"):
        read_weights(system.parent, "mine/drums.onnx")


def test_no_name_is_not_the_current_folder(
    system: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main([str(system), "--from", ""])
    assert "argument --from: got an empty name, expected a folder" in capsys.readouterr().err
