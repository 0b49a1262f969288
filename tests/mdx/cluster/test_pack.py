"""Sending a system: a worker receives exactly the client's files."""

import json
import shutil
from pathlib import Path

import pytest
import yaml

from mdx.cluster.drafts import LOCK, remove_drafts
from mdx.cluster.files import UnsafeName
from mdx.cluster.pack import pack_system
from mdx.cluster.store import keep_file, look_for, place_system
from mdx.errors import WeightsError
from mdx.separator import Separator
from mdx.systems.find import find_system
from mdx.systems.manifest import read_manifest


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A worker's empty store."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "mdx" / "cluster"


def missing(message: object, folder: Path) -> list[str]:
    asked = {"song": {"path": "/nosuch", "sha256": "0" * 64},
             "out": {"folder": str(folder), "probe": "probe"}, "system": message}  # fmt: skip
    found = look_for(json.dumps(asked))
    assert found["song"] is False and found["out"] is (folder / "probe.probe").exists()
    return list(found["missing"])


def test_a_system_comes_out_as_it_was(tiny_system: Path, tmp_path: Path, store: Path) -> None:
    pack = pack_system(tiny_system)
    plain = json.loads(json.dumps(pack.message))
    assert sorted(pack.files) == missing(plain, tmp_path) and len(pack.files) == 5
    (tmp_path / "probe.probe").touch()
    for sha256, path in pack.files.items():
        room = tmp_path / "0123456789abcdef"
        room.mkdir(exist_ok=True)
        shutil.copy(path, room / f"{sha256}.part")
        keep_file(room, sha256, None)
    assert missing(plain, tmp_path) == []
    placed = place_system(plain)
    assert find_system(placed)[0] == find_system(tiny_system)[0]
    assert read_manifest(placed.parent) == read_manifest(tiny_system.parent)
    assert Separator.load(placed, threads=1).sources == find_system(tiny_system)[0].stems
    # A damaged file in the store counts as missing, and no system uses it.
    victim = next(iter(pack.files))
    (store / "files" / victim).write_bytes(b"damaged")
    assert missing(plain, tmp_path) == [victim]
    with pytest.raises(WeightsError, match="expected sha256"):
        Separator.load(place_system(plain), threads=1)


def test_a_system_with_names_that_leave_its_folder_is_refused(
    tiny_copy: Path, tmp_path: Path, store: Path
) -> None:
    message = pack_system(tiny_copy).message
    sha256 = next(iter(message["files"].values()))
    with pytest.raises(UnsafeName):
        missing({**message, "files": {"../../evil": sha256}}, tmp_path)
    with pytest.raises(UnsafeName):
        missing({**message, "files": {"evil": "../" + sha256[3:]}}, tmp_path)
    for change in ({"texts": {"../evil.yaml": "x"}}, {"yaml": "/etc/passwd"}, {"sha256": "../x"}):
        with pytest.raises(UnsafeName):
            place_system({**message, "files": {}, **change})
    system = yaml.safe_load(tiny_copy.read_text())
    system["estimators"][0]["weights"] = "../secret"
    tiny_copy.write_text(yaml.safe_dump(system))
    with pytest.raises(WeightsError, match="inside"):
        pack_system(tiny_copy)
    assert not list(tmp_path.rglob("evil*"))


def test_only_drafts_of_dead_clients_are_removed(tmp_path: Path) -> None:
    from mdx.audio.drafts import claim

    for name in ("gone", "at work"):
        (tmp_path / f".cluster-{name}").mkdir()
        (tmp_path / f".cluster-{name}" / "stem.wav").touch()
    with claim(tmp_path / ".cluster-at work" / LOCK):
        with claim(tmp_path / ".cluster-gone" / LOCK):
            pass
        remove_drafts(tmp_path)
        assert [path.name for path in tmp_path.iterdir() if path.name != "cache"] == [
            ".cluster-at work"
        ]
