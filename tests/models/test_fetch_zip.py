"""`python -m models.fetch`: files inside a zip, whatever else or instead is in it."""

import re
import shutil
import stat
import struct
import zipfile
from collections import namedtuple
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest

from models.fetch.__main__ import main
from tests.models.released_files import NETS, WHOLE, files_of, zipped
from tests.models.shelf import Shelf

Disk = namedtuple("Disk", "total used free")  # noqa: PYI024


def test_only_what_is_missing_is_unpacked(shelf: Shelf, system: Path) -> None:
    assert main([str(system)]) == 0
    before = (system.parent / "mine" / "drums.onnx").stat()
    (system.parent / "mine" / "bass.onnx").unlink()
    shelf.asked.clear()
    assert main([str(system)]) == 0
    assert files_of(system.parent) == WHOLE and len(shelf.asked) == 1
    assert (system.parent / "mine" / "drums.onnx").stat().st_ino == before.st_ino


def test_an_interrupted_unpacking_needs_no_second_download(
    shelf: Shelf, system: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", _room_for(10**9, 10**9, 0))
    assert main([str(system)]) == 1  # room for the zip and for bass, but not for drums
    assert "mine/drums.onnx" not in files_of(system.parent)
    monkeypatch.undo()
    part = (system.parent / "mine" / "nets.zip.part").stat()
    assert part.st_size == len(shelf.files["/nets.zip?download=1"])
    shelf.asked.clear()
    assert main([str(system)]) == 0
    assert files_of(system.parent) == WHOLE
    assert shelf.asked[0][1]["Range"] == f"bytes={part.st_size}-"


def _room_for(*free: int) -> Callable[[object], Disk]:
    left = list(free)
    return lambda _: Disk(0, 0, left.pop(0) if len(left) > 1 else left[0])


def _link() -> bytes:
    buffer, info = BytesIO(), zipfile.ZipInfo("bass.onnx")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(info, NETS["bass"])
    return buffer.getvalue()


def _bomb() -> bytes:
    # It says that it unpacks to as many bytes as expected, and has a hundred times as many.
    archive = zipped({"bass.onnx": NETS["bass"] * 100})
    true, claimed = (struct.pack("<L", len(NETS["bass"]) * times) for times in (100, 1))
    assert archive.count(true) == 2  # before the file, and in the directory at the end
    return archive.replace(true, claimed)


def _damaged() -> bytes:
    archive = bytearray(zipped({"bass.onnx": NETS["bass"]}))
    archive[50:70] = b"?" * 20  # within the file
    return bytes(archive)


def _encrypted() -> bytes:
    archive = bytearray(zipped({"bass.onnx": NETS["bass"]}))
    archive[6] |= 1  # before the file
    archive[archive.index(b"PK\x01\x02") + 8] |= 1  # in the directory
    return bytes(archive)


@pytest.mark.parametrize(
    ("archive", "message"),
    [
        (zipped({"../bass.onnx": NETS["bass"]}), r"a zip of \.\./bass\.onnx"),
        (zipped({"a/../../bass.onnx": NETS["bass"]}), "a zip of"),
        (zipped({"..\\bass.onnx": NETS["bass"]}), "a zip of"),
        (zipped({"/tmp/bass.onnx": NETS["bass"]}), "a zip of /tmp/bass"),
        (zipped({"bass.onnx": NETS["bass"] * 100}), r"a zip of bass\.onnx \(17"),
        (zipped({"a/bass.onnx": NETS["bass"], "b/bass.onnx": NETS["bass"]}), "expected one bass"),
        (zipped({}), "a zip of nothing"),
        (_link(), "a zip of bass"),
        (_bomb(), "Bad CRC"),
        (_encrypted(), "encrypted"),
        (zipped({"bass.onnx": NETS["bass"]})[:-60], "not a zip"),
        (_damaged(), "Error -3|Bad CRC"),
        (b"<html>", "not a zip"),
    ],
)
def test_a_zip_that_is_not_as_expected_writes_nothing(
    shelf: Shelf, system: Path, tmp_path: Path, archive: bytes, message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    shelf.files["/nets.zip?download=1"] = archive
    assert main([str(system)]) == 1
    assert files_of(system.parent) == {"mine/mixer.ckpt", "other/demucs.th"}
    assert {path.name for path in tmp_path.iterdir()} == {"system"}
    assert re.search(message, capsys.readouterr().err)


def test_other_files_in_a_zip_are_not_unpacked(shelf: Shelf, system: Path, tmp_path: Path) -> None:
    nets = {f"nets/{source}.onnx": content for source, content in NETS.items()}
    nets["nets\\bass.onnx"] = nets.pop("nets/bass.onnx")  # as some archivers have it
    strangers = {"../bass.onnx": b"x" * len(NETS["bass"]), "../../evil": b"x", "nets/run.py": b"x"}
    shelf.files["/nets.zip?download=1"] = zipped(strangers | nets | {"/abs/drums.onnx": b"x"})
    assert main([str(system)]) == 0
    assert files_of(system.parent) == WHOLE
    assert {path.name for path in tmp_path.iterdir()} == {"system"}
