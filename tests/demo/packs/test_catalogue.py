"""The catalogue states every pack's licence and identifies installed files by sha256."""

from collections.abc import Mapping
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import yaml

from demo.__main__ import main
from demo.errors import DemoError
from demo.packs.catalogue import KINDS, Pack, find_packs, hash_files, read_catalogue
from demo.packs.kits import read_kits
from demo.packs.samples import count_samples
from mdx.systems.manifest import read_manifest
from tests.demo.packs.kit import make_pack

ROOT = Path(__file__).resolve().parents[3]
FREE = {"CC0", "MIT", "MIT, parts public domain and CC0", "CC BY 3.0"}


def entry(**changes: Any) -> dict[str, Any]:
    values = {
        "kind": "drums", "source": "Debian package x", "version": "1", "folder": "/nowhere",
        "files": ["*.flac"], "sha256": "00", "rate": 44100, "licence": "CC0", "attribution": "Me",
    }  # fmt: skip
    return {key: value for key, value in (values | changes).items() if value is not None}


def read(tmp_path: Path, entries: Mapping[str, Any]) -> tuple[Pack, ...]:
    path = tmp_path / "catalogue.yaml"
    path.write_text(yaml.safe_dump(dict(entries)))
    return read_catalogue(path)


def test_every_pack_may_be_used_for_weights_under_mit() -> None:
    packs = read_catalogue()
    assert {pack.kind for pack in packs} == set(KINDS)
    for pack in packs:
        assert pack.licence in FREE, pack.name
        assert len(pack.sha256) == 64


def test_attributions_are_in_the_notice() -> None:
    notice = (ROOT / "NOTICE").read_text(encoding="utf-8")
    for pack in read_catalogue():
        assert " ".join(pack.attribution.split()) in " ".join(notice.split()), pack.name


def test_weights_that_learnt_from_recordings_carry_the_attribution() -> None:
    entries = read_manifest(ROOT / "models" / "weights").values()
    learnt = [entry for entry in entries if "recordings of NOTICE" in (entry.data or "")]
    assert learnt
    for entry, pack in product(learnt, read_catalogue()):
        assert pack.attribution in (entry.attribution or ""), entry.made_by


def test_the_page_states_every_pack_as_the_catalogue_does() -> None:
    page = (ROOT / "docs" / "demo-songs-and-packs.md").read_text(encoding="utf-8")
    rows = [line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith("| `")]
    stated = {(row[0].strip("`"), row[1], row[3]) for row in rows}
    assert stated == {
        (pack.name, f"{pack.source.removeprefix('Debian package ')} {pack.version}", pack.licence)
        for pack in read_catalogue()
    }


def test_kits_name_files_of_their_packs() -> None:
    packs = read_catalogue()
    for kit in read_kits(packs):
        assert {"kick", "snare", "hat"} <= set(kit.pieces)
        if installed := kit.pack.find_files():
            assert {file for piece in kit.pieces for file in kit.files(piece)} <= set(installed)


@pytest.mark.parametrize("key", ["licence", "attribution", "version", "sha256", "source"])
@pytest.mark.parametrize("value", [None, ""])
def test_a_pack_without_a_licence_entry_is_refused(
    tmp_path: Path, key: str, value: str | None
) -> None:
    with pytest.raises(DemoError, match=f"pack mine: got no {key}"):
        read(tmp_path, {"mine": entry(**{key: value})})


def test_unknown_keys_and_kinds_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DemoError, match="got unknown key colour, expected attribution, "):
        read(tmp_path, {"mine": entry(colour="red")})
    with pytest.raises(
        DemoError, match=r"kind of pack mine: got 'choir', expected one of soundfont, "
    ):
        read(tmp_path, {"mine": entry(kind="choir")})


def test_a_catalogue_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(DemoError, match=r"nosuch\.yaml: got .*No such file"):
        read_catalogue(tmp_path / "nosuch.yaml")


def test_missing_packs_are_separated_from_installed_ones(tmp_path: Path) -> None:
    there = make_pack(tmp_path / "there", "drums", {"a.wav": 100.0})
    gone = replace(there, name="gone", folder=tmp_path / "gone")
    assert find_packs((there, gone)) == ((there,), (gone,))


def test_another_version_is_refused(tmp_path: Path) -> None:
    pack = make_pack(tmp_path / "pack", "drums", {"a.wav": 100.0, "b.wav": 200.0})
    find_packs((pack,))
    (tmp_path / "pack" / "a.wav").rename(tmp_path / "pack" / "c.wav")
    with pytest.raises(DemoError, match=r"pack pack in .*: got sha256 .*, expected .*; install"):
        find_packs((pack,))


def test_the_hash_is_of_names_and_contents(tmp_path: Path) -> None:
    contents = {"x": {"a": b"1", "b": b"2"}, "y": {"a": b"2", "b": b"1"}, "z": {"a": b"", "b": b""}}
    for folder, files in contents.items():
        (tmp_path / folder).mkdir()
        for name, content in files.items():
            (tmp_path / folder / name).write_bytes(content)
    x, y, z = (tmp_path / folder for folder in contents)
    assert hash_files(x, (x / "a", x / "b")) != hash_files(y, (y / "a", y / "b"))
    assert hash_files(z, (z / "a",)) != hash_files(z, (z / "b",))  # of one content


def test_the_command_says_which_packs_there_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    there = make_pack(tmp_path / "there", "drums", {"a.wav": 100.0})
    gone = replace(there, name="gone", folder=tmp_path / "gone")
    command = ["--out", str(tmp_path / "out"), "--test", "0", "--packs"]
    monkeypatch.setattr("demo.__main__.read_catalogue", lambda: (there, gone))
    assert main(command) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines == ["pack there: CC0; Nobody",
                     "pack gone is not installed: Debian package nothing 1"]  # fmt: skip
    monkeypatch.setattr("demo.__main__.read_catalogue", lambda: (gone,))
    assert main(command) == 1
    assert capsys.readouterr().err.startswith("error: --packs: got no installed pack, ")
    assert main([*command, "--soundfont", "x.sf2"]) == 1
    assert "got both, expected one of them" in capsys.readouterr().err


def test_unusable_files_are_excluded(tmp_path: Path) -> None:
    for name in ("a.flac", "b.flac"):
        (tmp_path / name).write_bytes(b"x")
    values = entry(folder=str(tmp_path), without=["b.*"])
    (pack,) = read(tmp_path, {"x": values})
    assert [path.name for path in pack.find_files()] == ["a.flac"]


def test_installed_recordings_have_the_rate_of_their_pack() -> None:
    packs = read_catalogue()
    files = [(path, pack.rate) for pack in packs if pack.rate for path in pack.find_files()]
    if not files:
        pytest.skip("no pack of recordings is installed")
    assert all(count_samples(path, rate) > 0 for path, rate in files)
