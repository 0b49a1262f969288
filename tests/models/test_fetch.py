"""`python -m models.fetch`: from the name of a system to verified files."""

from pathlib import Path

import pytest
import yaml

from mdx.errors import WeightsError
from mdx.systems.find import find_system, system_names
from mdx.systems.manifest import checkpoint_of, read_manifest
from mdx.systems.spec import MODELS, SOURCES
from mdx.systems.weights import read_weights
from models.fetch import __main__ as command
from models.fetch.__main__ import main
from models.fetch.wanted import find_wanted
from tests.models.released_files import CHECKPOINT, MIXER, NETS, WHOLE, digest, files_of, zipped
from tests.models.shelf import Shelf


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


def test_existing_files_are_not_fetched_again(
    shelf: Shelf, system: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(system)]) == 0
    shelf.asked.clear()
    assert main([str(system), str(system)]) == 0
    assert not shelf.asked
    assert capsys.readouterr().out.count("there already") == 6


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


def test_an_interrupted_download_is_continued(
    shelf: Shelf, system: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(command._Bar, "update", interrupt)
        assert main([str(system)]) == 130
    assert files_of(system.parent) == {"mine/nets.zip.part", "mine/nets.zip.part.tag"}
    with pytest.raises(WeightsError, match=r"'mdx fetch SYSTEM' downloads it"):
        read_weights(system.parent, "mine/bass.onnx")
    assert main([str(system)]) == 0
    assert files_of(system.parent) == WHOLE
    assert "Range" in shelf.asked[1][1]


def test_another_answer_costs_no_part(shelf: Shelf, system: Path) -> None:
    manifest = yaml.safe_load((system.parent / "manifest.yaml").read_text())
    manifest["other/demucs.th"]["bytes"] = len(CHECKPOINT)
    (system.parent / "manifest.yaml").write_text(yaml.safe_dump(manifest))
    shelf.cuts = [10**6, 5000]  # the checkpoint is the second
    assert main([str(system)]) == 1
    part = {"other/demucs.th.part", "other/demucs.th.part.tag"}
    assert part <= files_of(system.parent)
    shelf.files["/demucs.th"], shelf.version = b"back at noon", {"ETag": '"two"'}
    assert main([str(system)]) == 1
    shelf.files["/demucs.th"], shelf.version = CHECKPOINT, {"ETag": '"one"'}
    assert main([str(system)]) == 0
    assert shelf.asked[-1][1]["Range"] == "bytes=5000-"
    assert files_of(system.parent) == WHOLE


def test_no_name_leads_out_of_the_folder(system: Path, tmp_path: Path) -> None:
    system.write_text(system.read_text().replace("mine/mixer.ckpt", "../mixer.ckpt"))
    manifest = system.parent / "manifest.yaml"
    manifest.write_text(manifest.read_text().replace("mine/mixer.ckpt", "../mixer.ckpt"))
    assert main([str(system)]) == 1
    assert not (tmp_path / "mixer.ckpt").exists()


def test_an_unwritable_folder_is_reported(system: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (system.parent / "other").write_text("a file where a folder should be")
    assert main([str(system)]) == 1
    assert "expected to write it" in capsys.readouterr().err


def test_unknown_systems_and_those_in_git(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["nonsense"]) == 1
    assert "got 'nonsense', expected one of" in capsys.readouterr().err
    assert main(["demo"]) == 0
    assert "nothing to fetch" in capsys.readouterr().out


def is_public(name: str) -> bool:
    """Whether any file of a system is in the manifest; tests/test_metadata.py checks others."""
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
