"""`python -m models.fetch`: from a system's name to verified files, or to words that help."""

import hashlib
import re
import shutil
import stat
import struct
import zipfile
from collections import namedtuple
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import yaml

from mdx.errors import WeightsError
from mdx.systems.find import find_system, system_names
from mdx.systems.manifest import checkpoint_of, read_manifest
from mdx.systems.spec import MODELS, SOURCES
from mdx.systems.weights import read_weights
from models.fetch import __main__ as command
from models.fetch import download as download_module
from models.fetch.__main__ import main
from models.fetch.wanted import find_wanted
from tests.models.shelf import Shelf, serve

NETS = {source: f"the network of {source}".encode() * 9000 for source in SOURCES}
MIXER, CHECKPOINT = b"a mixer", b"a companion" * 1000
Disk = namedtuple("Disk", "total used free")  # noqa: PYI024


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def zipped(files: dict[str, bytes]) -> bytes:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


@pytest.fixture
def shelf(monkeypatch: pytest.MonkeyPatch) -> Iterator[Shelf]:
    """A server with everything that the system needs."""
    for name in ("http_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setattr(download_module, "WAITS", ())
    with serve() as shelf:
        nets = {f"nets/{source}.onnx": content for source, content in NETS.items()}
        shelf.files["/nets.zip?download=1"] = zipped(nets)
        shelf.files["/mixer.ckpt"] = MIXER
        shelf.files["/demucs.th"] = CHECKPOINT
        yield shelf


@pytest.fixture
def system(shelf: Shelf, tmp_path: Path) -> Path:
    """The YAML of a system whose files are all at the server: four of them in one zip."""
    folder = tmp_path / "system"
    folder.mkdir()
    spec = {
        "name": "mine",
        "description": "files at a server",
        "training_data": [],
        "leaderboard": "none",
        "estimators": [
            *(
                {
                    "kind": "spectrogram", "makes": [source], "weights": f"mine/{source}.onnx",
                    "n_fft": 512, "hop": 64,
                }
                for source in NETS
            ),
            {
                "kind": "waveform", "name": "demucs", "makes": list(SOURCES),
                "weights": "other/demucs.onnx",
            },
        ],
        "combine": [
            {"kind": "mixer", "weights": "mine/mixer.ckpt"},
            {"kind": "blend", "estimator": "demucs", "shares": dict.fromkeys(SOURCES, 0.5)},
        ],
    }  # fmt: skip
    (folder / "mine.yaml").write_text(yaml.safe_dump(spec))
    url = f"{shelf.root}/nets.zip?download=1"
    manifest: dict[str, dict[str, Any]] = {
        f"mine/{source}.onnx": {
            "sha256": digest(content), "bytes": len(content), "url": url,
            "member": f"{source}.onnx", "licence": "free",
        }
        for source, content in NETS.items()
    }  # fmt: skip
    manifest["mine/mixer.ckpt"] = {"sha256": digest(MIXER), "url": f"{shelf.root}/mixer.ckpt"}
    manifest["other/demucs.th"] = {
        "sha256": digest(CHECKPOINT)[:8], "url": f"{shelf.root}/demucs.th", "made_by": "them",
        "becomes": "other/demucs.onnx",
    }  # fmt: skip
    (folder / "manifest.yaml").write_text(yaml.safe_dump(manifest))
    return folder / "mine.yaml"


def files_of(folder: Path) -> set[str]:
    paths = {path for path in folder.rglob("*") if path.is_file()}
    return {str(path.relative_to(folder)) for path in paths} - {"mine.yaml", "manifest.yaml"}


WHOLE = {*(f"mine/{source}.onnx" for source in NETS), "mine/mixer.ckpt", "other/demucs.th"}


def test_all_files_of_a_system_come(
    shelf: Shelf, system: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(system)]) == 0
    folder = system.parent
    assert files_of(folder) == WHOLE  # and nothing else is left
    assert {source: read_weights(folder, f"mine/{source}.onnx") for source in NETS} == NETS
    assert read_weights(folder, "mine/mixer.ckpt") == MIXER
    assert len(shelf.asked) == 3  # the zip of four once
    said = capsys.readouterr().out
    assert "mine/bass.onnx: fetched (free)" in said
    checkpoint = folder / "other" / "demucs.th"
    assert f"python -m models.convert {checkpoint} --out other/demucs.onnx" in said


def test_what_is_there_is_not_fetched_again(
    shelf: Shelf, system: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(system)]) == 0
    shelf.asked.clear()
    assert main([str(system), str(system)]) == 0
    assert not shelf.asked
    assert capsys.readouterr().out.count("there already") == 6


def test_only_what_is_missing_is_unpacked(shelf: Shelf, system: Path) -> None:
    assert main([str(system)]) == 0
    before = (system.parent / "mine" / "drums.onnx").stat()
    (system.parent / "mine" / "bass.onnx").unlink()
    shelf.asked.clear()
    assert main([str(system)]) == 0
    assert files_of(system.parent) == WHOLE and len(shelf.asked) == 1
    assert (system.parent / "mine" / "drums.onnx").stat().st_ino == before.st_ino


def test_a_converted_network_needs_no_checkpoint(shelf: Shelf, system: Path) -> None:
    (system.parent / "other").mkdir()
    (system.parent / "other" / "demucs.onnx").write_bytes(b"converted")
    assert main([str(system)]) == 0
    assert "/demucs.th" not in [path for path, _ in shelf.asked]


def test_the_first_digits_become_the_whole_sha256(system: Path) -> None:
    folder = system.parent
    others = {name: entry for name, entry in read_manifest(folder).items() if "mine" in name}
    assert main([str(system)]) == 0
    entries = read_manifest(folder)
    entry = entries["other/demucs.th"]
    assert (entry.sha256, entry.bytes) == (digest(CHECKPOINT), len(CHECKPOINT))
    assert entry.made_by == "them" and entry.url and entry.becomes
    assert {name: entries[name] for name in others if others[name].member} == {
        name: entry for name, entry in others.items() if entry.member
    }
    assert read_weights(folder, "other/demucs.th") == CHECKPOINT


@pytest.mark.parametrize(
    ("path", "content", "lost"),
    [
        ("/mixer.ckpt", b"a mixes", {"mine/mixer.ckpt"}),  # another checksum
        ("/demucs.th", CHECKPOINT[:-1], {"other/demucs.th"}),
        (
            "/nets.zip?download=1",
            zipped({f"{source}.onnx": NETS[source][::-1] for source in NETS}),
            {f"mine/{source}.onnx" for source in NETS},
        ),
    ],
)
def test_another_file_than_the_one_named_is_refused(
    shelf: Shelf, system: Path, path: str, content: bytes, lost: set[str],
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    shelf.files[path] = content
    assert main([str(system)]) == 1
    assert files_of(system.parent) == WHOLE - lost  # no part of it either
    said = capsys.readouterr().err
    assert "got sha256" in said and "it was not kept" in said
    assert f"{shelf.root}{path}" in said.split("to do it by hand")[1]


def test_another_size_than_the_one_named_is_refused(
    shelf: Shelf, system: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = yaml.safe_load((system.parent / "manifest.yaml").read_text())
    manifest["mine/mixer.ckpt"]["bytes"] = len(MIXER) + 1
    (system.parent / "manifest.yaml").write_text(yaml.safe_dump(manifest))
    assert main([str(system)]) == 1
    assert files_of(system.parent) == WHOLE - {"mine/mixer.ckpt"}
    assert "got 7 bytes, expected 8 bytes" in capsys.readouterr().err


def test_a_file_of_the_user_s_is_kept(system: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mine = system.parent / "mine" / "mixer.ckpt"
    mine.parent.mkdir()
    mine.write_bytes(b"years of work")
    assert main([str(system)]) == 1
    assert mine.read_bytes() == b"years of work"
    assert files_of(system.parent) == WHOLE
    assert "it is kept: move it away" in capsys.readouterr().err


def test_an_interrupted_download_is_gone_on_with(
    shelf: Shelf, system: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(command._Bar, "update", interrupt)
        assert main([str(system)]) == 130
    assert files_of(system.parent) == {"mine/nets.zip.part", "mine/nets.zip.part.tag"}
    with pytest.raises(WeightsError, match=r"'python -m models\.fetch SYSTEM' brings it"):
        read_weights(system.parent, "mine/bass.onnx")
    assert main([str(system)]) == 0
    assert files_of(system.parent) == WHOLE
    assert "Range" in shelf.asked[1][1]


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


def test_without_a_network_the_way_by_hand_is_said(
    shelf: Shelf, system: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (system.parent / "manifest.yaml").read_text()
    with serve() as gone:
        pass
    (system.parent / "manifest.yaml").write_text(text.replace(shelf.root, gone.root))
    assert main([str(system)]) == 1
    said = capsys.readouterr().err
    assert "refused" in said and f"python -m models.fetch {system} --from FOLDER" in said
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


def test_of_namesakes_in_a_folder_the_one_that_fits_is_taken(system: Path, tmp_path: Path) -> None:
    for board, contents in (("a", dict.fromkeys(NETS, b"another board's")), ("b", NETS)):
        (tmp_path / "unpacked" / board).mkdir(parents=True)
        for source, content in contents.items():
            (tmp_path / "unpacked" / board / f"{source}.onnx").write_bytes(content)
    assert main([str(system), "--from", str(tmp_path / "unpacked")]) == 1  # no Mixer, no companion
    assert read_weights(system.parent, "mine/bass.onnx") == NETS["bass"]
    assert files_of(system.parent) == {f"mine/{source}.onnx" for source in NETS}


def test_a_folder_without_them_is_said(
    system: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mixer.ckpt").write_bytes(b"another")
    assert main([str(system), "--from", str(tmp_path)]) == 1
    said = capsys.readouterr().err
    assert f"got none that fits, expected mixer.ckpt of sha256 {digest(MIXER)}" in said
    assert "or nets.zip" in said


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


def test_what_else_a_zip_holds_is_left_in_it(shelf: Shelf, system: Path, tmp_path: Path) -> None:
    nets = {f"nets/{source}.onnx": content for source, content in NETS.items()}
    nets["nets\\bass.onnx"] = nets.pop("nets/bass.onnx")  # as some archivers have it
    strangers = {"../bass.onnx": b"x" * len(NETS["bass"]), "../../evil": b"x", "nets/run.py": b"x"}
    shelf.files["/nets.zip?download=1"] = zipped(strangers | nets | {"/abs/drums.onnx": b"x"})
    assert main([str(system)]) == 0
    assert files_of(system.parent) == WHOLE
    assert {path.name for path in tmp_path.iterdir()} == {"system"}


def test_no_name_leads_out_of_the_folder(system: Path, tmp_path: Path) -> None:
    system.write_text(system.read_text().replace("mine/mixer.ckpt", "../mixer.ckpt"))
    manifest = system.parent / "manifest.yaml"
    manifest.write_text(manifest.read_text().replace("mine/mixer.ckpt", "../mixer.ckpt"))
    assert main([str(system)]) == 1
    assert not (tmp_path / "mixer.ckpt").exists()


def test_a_file_that_nobody_publishes_is_said(
    system: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (system.parent / "manifest.yaml").write_text("")
    assert main([str(system)]) == 1
    assert "got no url for 'mine/bass.onnx'" in capsys.readouterr().err


def test_a_folder_that_cannot_be_written_is_said(
    system: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (system.parent / "other").write_text("a file where a folder should be")
    assert main([str(system)]) == 1
    assert "expected to write it" in capsys.readouterr().err


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


def test_unknown_systems_and_those_in_git(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["nonsense"]) == 1
    assert "got 'nonsense', expected one of" in capsys.readouterr().err
    assert main(["demo"]) == 0
    assert "nothing to fetch" in capsys.readouterr().out


def is_public(name: str) -> bool:
    """Whether any file of a system is in the manifest; of the others tests/test_house.py tells."""
    entries, files = read_manifest(MODELS / "weights"), find_system(name)[0].files
    return any(file in entries or checkpoint_of(entries, file) for file in files)


@pytest.mark.parametrize("name", [name for name in system_names() if is_public(name)])
def test_every_file_of_our_systems_is_here_or_published(name: str) -> None:
    for wanted in find_wanted(name):
        assert wanted.entry.licence and wanted.url.startswith("https://")
        assert wanted.path.is_relative_to(MODELS / "weights")


def test_the_released_files_are_those_of_the_paper_check() -> None:
    entries = read_manifest(MODELS / "weights")
    published = yaml.safe_load((MODELS.parent / "evaluator" / "published.yaml").read_text())
    released = published["released"]["kuielab_a"]
    names = {source: f"leaderboard_a/{source}.onnx" for source in SOURCES}
    names["mixer"] = "leaderboard_a/mixer.ckpt"
    assert {role: entries[name].sha256 for role, name in names.items()} == released


def test_checkpoints_carry_the_first_digits_of_their_sha256_in_their_names() -> None:
    entries = read_manifest(MODELS / "weights")
    names = [name for name in entries if name.endswith((".th", ".pth")) and "-" in name]
    assert len(names) == 6
    for name in names:
        assert entries[name].sha256.startswith(Path(name).stem[-8:])
