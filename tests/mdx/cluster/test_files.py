"""Files from and for other machines: names stay in their folder, content is verified."""

import hashlib
from pathlib import Path

import numpy as np
import pytest

from mdx.cluster.files import (
    UnsafeName,
    checked,
    describe_folder,
    digest,
    has_digest,
    link,
    place_in,
)
from mdx.cluster.store import append, keep_file
from mdx.errors import OutputError

UNSAFE = ["", "/etc/passwd", "..", "../x", "a/../../x", "a\\b", "a\0b", "x/" * 3000]


@pytest.mark.parametrize("name", UNSAFE)
def test_a_name_that_leaves_its_folder_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(UnsafeName, match="expected a name below its folder"):
        place_in(tmp_path, name)


def test_other_names_stay_below_their_folder(tmp_path: Path) -> None:
    for name in (
        "a.wav",
        "song 1/mixture.wav",
        ".hidden",
        "...",
        "Ölwechsel/ü.wav",
        "a:b/c: d",
        "A: love",
    ):
        assert place_in(tmp_path, name).is_relative_to(tmp_path)
    rng = np.random.default_rng(1)
    letters = list("ab./\\\0: ~")
    for _ in range(2000):
        name = "".join(rng.choice(letters, rng.integers(0, 9)))
        try:
            place = place_in(tmp_path, name)
        except UnsafeName:
            continue
        assert place.resolve().is_relative_to(tmp_path.resolve()), name
        assert place.resolve() != tmp_path.resolve(), name


def test_a_digest_follows_its_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    for content in (b"", b"one", b"two"):
        path.write_bytes(content)
        assert digest(path) == hashlib.sha256(content).hexdigest()
        assert has_digest(path, digest(path)) and not has_digest(path, "0" * 64)
    assert not has_digest(tmp_path / "nosuch", digest(path))
    assert checked(digest(path)) == digest(path)
    with pytest.raises(UnsafeName):
        checked("../" + "0" * 61)


def test_a_folder_is_described_without_links(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"secret")
    folder = tmp_path / "results"
    (folder / "a").mkdir(parents=True)
    (folder / "a" / "b.wav").write_bytes(b"abc")
    link(secret, folder / "link")
    assert describe_folder(folder) == {"a/b.wav": (3, hashlib.sha256(b"abc").hexdigest())}


def test_chunks_become_the_file_or_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    content = np.random.default_rng(2).bytes(1000)
    sha256, room = hashlib.sha256(content).hexdigest(), tmp_path / "0123456789abcdef"
    part = room / f"{sha256}.part"
    for start in (0, 300, 300, 600, 900):  # a chunk may come twice
        append(part, start, content[start : start + 300])
    keep_file(room, sha256, "song 1/mixture.wav")
    assert (room / "song" / "song 1" / "mixture.wav").read_bytes() == content
    append(part, 0, content)
    keep_file(room, sha256, None)
    assert (tmp_path / "cache" / "mdx" / "cluster" / "files" / sha256).read_bytes() == content
    append(part, 0, content[:-1])
    with pytest.raises(OutputError, match=f"after its way, expected {sha256}"):
        keep_file(room, sha256, "another.wav")
    assert not part.exists() and not (room / "song" / "another.wav").exists()
    with pytest.raises(UnsafeName):
        append(part, 0, content)
        keep_file(room, sha256, "../../out.wav")
    assert not list(tmp_path.glob("out.wav"))


def test_a_worker_s_disk_that_is_full_is_an_error(tmp_path: Path) -> None:
    room = tmp_path / "room"
    room.write_bytes(b"no folder can be made here")
    with pytest.raises(OutputError, match="expected room for a song"):
        append(room / "part", 0, b"x")
